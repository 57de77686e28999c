"""A device in words, from what its browser says of itself."""

_BROWSERS = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser", "Samsung Internet"), ("Firefox", "Firefox"), ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"), ("Chrome", "Chrome"), ("Safari", "Safari"),
)  # fmt: skip
_SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Macintosh", "Mac"), ("CrOS", "Chromebook"),
    ("Linux", "Linux"),
)  # fmt: skip


def device_words(agent: str) -> str:
    """« Firefox sur Windows »; « Appareil inconnu » where nothing is recognised. The first that fits counts: most browsers name others too."""
    browser = next((words for mark, words in _BROWSERS if mark in agent), "")
    system = next((words for mark, words in _SYSTEMS if mark in agent), "")
    return " sur ".join(part for part in (browser, system) if part) or "Appareil inconnu"


def new_device_letter(words: str, moment: str, address: str) -> tuple[str, str]:
    """Subject and text of the letter that says that a new device signed in. No health data, no name."""
    return "Maillage : nouvelle connexion", (
        f"Bonjour,\n\nVotre compte Maillage vient d’être ouvert depuis un appareil nouveau : {words}, {moment}.\n\n"
        f"Si c’était vous, il n’y a rien à faire. Sinon, fermez cette session tout de suite : {address}\n"
    )
