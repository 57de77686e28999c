"""Communes of the demonstration territory (Marne) and birth places elsewhere: COG codes 2024 of INSEE, postal codes."""

from typing import NamedTuple


class Commune(NamedTuple):
    """A commune: COG code, name, postal code, inhabitants (the weight in draws)."""

    cog: str
    name: str
    postal_code: str
    inhabitants: int


COMMUNES = tuple(
    Commune(*line)
    for line in (
        ("51454", "Reims", "51100", 177674), ("51108", "Châlons-en-Champagne", "51000", 42971),
        ("51230", "Épernay", "51200", 22174), ("51649", "Vitry-le-François", "51300", 10996),
        ("51573", "Tinqueux", "51430", 10771), ("51055", "Bétheny", "51450", 6975),
        ("51172", "Cormontreuil", "51350", 6534), ("51250", "Fismes", "51170", 5850),
        ("51506", "Saint-Memmie", "51470", 5441), ("51030", "Aÿ-Champagne", "51160", 5103),
        ("51058", "Bezannes", "51430", 5039), ("51662", "Witry-lès-Reims", "51420", 4950),
        ("51388", "Mourmelon-le-Grand", "51400", 4895), ("51242", "Fagnières", "51510", 4858),
        ("51535", "Sézanne", "51120", 4576), ("51507", "Sainte-Menehould", "51800", 4146),
        ("51559", "Suippes", "51600", 3938), ("51474", "Saint-Brice-Courcelles", "51370", 3566),
        ("51380", "Montmirail", "51210", 3535), ("51612", "Blancs-Coteaux", "51130", 3080),
        ("51217", "Dormans", "51700", 2890), ("51660", "Warmeriville", "51110", 2749),
        ("51043", "Bazancourt", "51110", 2495), ("51193", "Courtisols", "51460", 2343),
        ("51562", "Taissy", "51500", 2194), ("51248", "Fère-Champenoise", "51230", 2173),
        ("51391", "Muizon", "51140", 2081), ("51525", "Sarry", "51520", 2044),
        ("51282", "Gueux", "51390", 1907), ("51536", "Sillery", "51500", 1824),
        ("51308", "Jonchery-sur-Vesle", "51140", 1822), ("51237", "Esternay", "51310", 1748),
        ("51262", "Frignicourt", "51300", 1747), ("51029", "Avize", "51190", 1742),
        ("51531", "Sermaize-les-Bains", "51250", 1742), ("51440", "Pontfaverger-Moronvilliers", "51490", 1734),
        ("51423", "Pargny-sur-Saulx", "51340", 1654), ("51171", "Cormicy", "51220", 1500),
    )
)  # fmt: skip

DOMPREMY = Commune("51215", "Dompremy", "51300", 116)
VITRY = COMMUNES[3]

BORN_ELSEWHERE = tuple(
    Commune(*line)
    for line in (
        ("75056", "Paris", "75000", 30), ("69123", "Lyon", "69000", 6), ("13055", "Marseille", "13000", 6),
        ("59350", "Lille", "59000", 6), ("67482", "Strasbourg", "67000", 6), ("08105", "Charleville-Mézières", "08000", 20),
        ("10387", "Troyes", "10000", 12), ("02408", "Laon", "02000", 12), ("54395", "Nancy", "54000", 8),
        ("57463", "Metz", "57000", 6), ("21231", "Dijon", "21000", 5), ("2A004", "Ajaccio", "20000", 3),
        ("2B033", "Bastia", "20200", 3), ("52121", "Chaumont", "52000", 5), ("55545", "Verdun", "55100", 5),
        ("31555", "Toulouse", "31000", 3), ("44109", "Nantes", "44000", 3), ("33063", "Bordeaux", "33000", 3),
    )
)  # fmt: skip

STREETS = (
    "rue des Lilas", "rue de l’Église", "avenue de la Vesle", "rue du Modèle", "rue Pasteur", "allée des Tilleuls",
    "place de la Mairie", "rue des Vignes", "boulevard de la Paix", "chemin du Moulin", "rue Jean-Jaurès", "impasse des Roses",
    "rue du Général-Leclerc", "rue de la Gare", "route de Châlons", "rue Victor-Hugo", "allée du Parc", "rue des Acacias",
)  # fmt: skip
