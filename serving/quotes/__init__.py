"""The latest price of every instrument, kept in this process and fresh by subscription."""
