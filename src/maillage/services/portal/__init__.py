"""The patient's and the carer's own pages."""
