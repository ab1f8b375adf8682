"""The table of preferences."""

from lakehouse.contracts.tables.resources import USER_PREFERENCE
from serving.kit.crud.collection import Collection
from serving.preferences.schemas import PreferenceOut

PREFERENCES = Collection(USER_PREFERENCE, PreferenceOut, noun="set of preferences")
