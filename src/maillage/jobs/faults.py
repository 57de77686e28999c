"""What is kept of a failure: its class and place. Its message may hold a patient's data, so it is neither stored nor logged."""


def place_of(error: BaseException) -> str:
    """`Conflict at maillage.services.scheduling.service:41`."""
    place, trace = "", error.__traceback__
    while trace is not None:
        module = trace.tb_frame.f_globals.get("__name__", "?")
        if module.startswith("maillage.") or not place:
            place = f"{module}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__} at {place}"
