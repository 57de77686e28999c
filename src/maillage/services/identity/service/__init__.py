"""The verbs of identity: recognise (`identify`), decide (`stewarding`), follow stays and consents (`movements`)."""
