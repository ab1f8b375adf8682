"""Files of transactions: read by a layout, judged row by row, booked all together."""
