"""People's rights over their record: who looked, and later consent, masking, devices and registered software."""
