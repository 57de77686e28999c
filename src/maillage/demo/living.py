"""How people live: home, relatives, legal protection, aids and what pays for them, rights, who follows them, opinions. As the forms of a record write them."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from maillage.demo.numbers import resource_id
from maillage.demo.people import DOCUMENTED, PAT_TROIS, Person
from maillage.demo.personas import persona
from maillage.services.coordination.public import fact_of

Resource = dict[str, Any]
Said = tuple[tuple[str, str, dict[str, str]], ...]
"""Of one person: what kind of fact, which persona says it, the values of its form."""

DOMINIQUE: Said = (
    ("domicile", "social-worker", {
        "habitat": "Appartement, 2e étage sans ascenseur", "seul": "non", "avec": "Claude, son mari", "acces": "Interphone PAT-TROIS, second bâtiment",
        "sur": "L’escalier, avec la botte de décharge. Douche sans barre.", "journee": "Prépare les repas assise. Sort avec Claude, le jardin lui manque.",
        "ressources": "Arrêt de travail depuis août, indemnités journalières. Dossier MDPH en cours.", "directives": "oui", "ou": "Chez le Dr EXEMPLE",
    }),
    ("proche", "coordinator", {"nom": "Odile CALIBRE", "lien": "Sœur, à Reims", "part": "urgence", "tel": "06 39 98 00 12"}),
    ("aide", "social-worker", {"quoi": "aide-domicile", "par": "SAAD des Coteaux", "rythme": "4 h par semaine, lundi et jeudi", "financement": "mutuelle"}),
    ("aide", "nurse", {"quoi": "materiel", "libelle": "Botte de décharge, barre de douche", "par": "Pharmacie du Modèle", "financement": "assurance-maladie"}),
    ("aide", "social-worker", {"quoi": "repit", "par": "Plateforme de répit de la Marne", "rythme": "Deux après-midi par semaine", "financement": "retraite", "etat": "draft"}),
    ("droit", "social-worker", {"quoi": "ald", "par": "CPAM de la Marne", "detail": "Diabète, jusqu’en 2029"}),
    ("droit", "social-worker", {"quoi": "aah", "par": "MDPH de la Marne", "detail": "Deux pièces manquent", "etat": "draft", "social": "1"}),
    ("suivi", "gp", {"quoi": "Podologue", "par": "Mme ESQUISSE", "rythme": "Toutes les 6 semaines"}),
    ("avis", "hospital", {"quoi": "Revascularisation", "texte": "Pas d’indication chirurgicale. Décharge stricte, revoir à 6 semaines avec un écho-doppler."}),
    ("avis", "social-worker", {"quoi": "Épuisement de Claude", "texte": "Il dort peu et ne prend plus ses après-midi. Le répit est la priorité."}),
)  # fmt: skip
OLD: Said = (
    ("domicile", "coordinator", {
        "habitat": "Maison de plain-pied", "seul": "oui", "acces": "Boîte à clés à gauche de la porte, code chez l’infirmière. Chien gentil.",
        "sur": "Tapis du couloir, deux chutes depuis l’été", "gir": "3", "journee": "Fait sa toilette avec de l’aide, mange ce qu’on lui livre.", "directives": "inconnu",
    }),
    ("proche", "coordinator", {"nom": "Sylvie CROQUIS", "lien": "Fille, à 40 km", "part": "aidant", "tel": "06 39 98 00 13"}),
    ("proche", "coordinator", {"nom": "Alain ESQUISSE", "lien": "Voisin, a une clé", "part": "urgence", "tel": "06 39 98 00 14"}),
    ("protection", "social-worker", {"mesure": "curatelle-renforcee", "nom": "Association tutélaire de la Marne", "tel": "03 63 45 00 15", "depuis": "2025-03-01"}),
    ("aide", "social-worker", {"quoi": "aide-domicile", "par": "SAAD des Coteaux", "rythme": "6 h par semaine", "financement": "apa"}),
    ("aide", "social-worker", {"quoi": "repas", "par": "Mairie", "rythme": "Chaque midi", "financement": "apa"}),
    ("aide", "coordinator", {"quoi": "teleassistance", "par": "Présence 51", "financement": "retraite"}),
    ("droit", "social-worker", {"quoi": "apa", "par": "Département de la Marne", "detail": "GIR 3, reste à charge 42 € par mois", "social": "1"}),
    ("avis", "coordinator", {"quoi": "Retour à domicile", "texte": "Possible avec un passage le soir. Sa fille préférerait un hébergement temporaire cet hiver."}),
)  # fmt: skip
VISITED: Said = (
    (
        "domicile",
        "nurse",
        {"habitat": "Maison", "seul": "oui", "acces": "Boîte à clés sous la fenêtre, code 51B. Sonner deux fois.", "gir": "4"},
    ),
    (
        "aide",
        "nurse",
        {"quoi": "aide-domicile", "par": "ADMR des Exemples", "rythme": "3 matins par semaine", "financement": "apa"},
    ),
)
TUTELAGE: Said = (
    (
        "protection",
        "social-worker",
        {"mesure": "tutelle", "nom": "Hélène VOLUMINEUX", "tel": "06 39 98 50 09", "depuis": "2022-05-01"},
    ),
)


def lives(home: Sequence[Person], visited: Sequence[Person], *, at: datetime) -> Iterator[Resource]:
    """What is known of the official test patient, of those who came `home` from hospital, of those whom the nurse visits, and of who has a guardian."""
    yield from _life(PAT_TROIS, DOMINIQUE, at=at - timedelta(days=12))
    yield from _life(DOCUMENTED, TUTELAGE, at=at - timedelta(days=90))
    for person in home:
        yield from _life(person, OLD, at=at - timedelta(days=40))
    for person in visited:
        if person not in (PAT_TROIS, *home):
            yield from _life(person, VISITED, at=at - timedelta(days=25))


def _life(person: Person, said: Said, *, at: datetime) -> Iterator[Resource]:
    for number, (slug, who, values) in enumerate(said):
        one = persona(who)
        by = {"reference": one.reference, "display": one.name}
        made = fact_of(slug, patient=person.id, by=by, at=at - timedelta(hours=5 * number), **values)
        yield made | {"id": resource_id(made["resourceType"], f"life-{person.id}-{number}")}
