"""The command `maillage`: one verb for each process and each act of an operator."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from maillage import __version__
from maillage.config import Config
from maillage.errors import MaillageError, SetupError

TRAIL_WORDS = "la trace des accès : la vérifier, en exporter les têtes"
FILES_WORDS = "les documents au repos : les chiffrer, changer de clé"

Verb = Callable[[Config, argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; a fault of ours ends with status 1 and its message on standard error."""
    parsed = parser().parse_args(arguments)
    try:
        config = Config.from_env(os.environ)
        verb: Verb = parsed.verb
        return verb(config, parsed)
    except MaillageError as fault:
        print(f"maillage: {fault.message}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    """The command line, in French: an operator reads it."""
    top = argparse.ArgumentParser(prog="maillage", description="L’espace numérique de santé d’une région.")
    top.add_argument("--version", action="version", version=f"maillage {__version__}")
    verbs = top.add_subparsers(title="commandes", required=True, metavar="COMMANDE")

    demo = _verb(verbs, "demo", _demo, "un territoire de démonstration complet : base, web, travaux, porte MLLP, émulateurs")
    demo.add_argument(
        "--port", type=int, default=8000, help="port de la page web ; 0 : n’importe lequel de libre (défaut : 8000)"
    )
    demo.add_argument("--data", type=Path, help="dossier des données (défaut : .maillage)")
    demo.add_argument("--scale", type=float, default=1.0, help="taille du territoire ; 1 : 2 000 personnes")
    demo.add_argument("--no-seed", action="store_true", help="les personas seulement : ni patients ni données cliniques")
    demo.add_argument("--json", action="store_true", help="une ligne JSON sur la sortie standard quand tout répond")

    _verb(verbs, "serve", _serve, "le processus web (pages et API FHIR)")
    _verb(verbs, "worker", _worker, "le processus des réactions et des travaux différés")
    _verb(verbs, "mllp", _mllp, "le processus de la porte HL7v2 (MLLP)")
    schema = _verb(verbs, "migrate", _migrate, "mettre la base au schéma de cette version")
    schema.add_argument(
        "--for",
        dest="role",
        default="",
        metavar="RÔLE",
        help="le rôle PostgreSQL des processus : il lit et écrit des lignes, rien de plus",
    )
    _verb(verbs, "check", _check, "vérifier l’installation : réglages, base, documents, chaîne des traces")
    _verb(verbs, "reindex", _reindex, "refaire les index de recherche de toutes les ressources, sans arrêter la plateforme")

    trail = verbs.add_parser("audit", help=TRAIL_WORDS, description=f"{TRAIL_WORDS.capitalize()}.")
    trail_verbs = trail.add_subparsers(title="commandes", required=True, metavar="COMMANDE")
    proof = _verb(trail_verbs, "verify", _audit_verify, "recalculer chaque maillon depuis les lignes ; 1 si la chaîne est rompue")
    proof.add_argument(
        "--heads", nargs="*", type=Path, default=[], metavar="FICHIER", help="têtes exportées, en plus de celles gardées"
    )
    proof.add_argument("--lanes", type=_lanes, default=2, metavar="N", help="connexions côte à côte (défaut : 2)")
    kept = _verb(trail_verbs, "heads", _audit_heads, "écrire le dernier maillon de chaque chaîne, à garder hors de la base")
    kept.add_argument("--to", type=Path, metavar="FICHIER", help="un nouveau fichier (défaut : la sortie standard)")

    papers = verbs.add_parser("files", help=FILES_WORDS, description=f"{FILES_WORDS.capitalize()}.")
    papers_verbs = papers.add_subparsers(title="commandes", required=True, metavar="COMMANDE")
    _verb(papers_verbs, "encrypt", _files_encrypt, "chiffrer les documents reçus avant que des clés soient données")
    _verb(papers_verbs, "rotate-keys", _files_rotate, "passer tous les documents à la première clé, sans réécrire leur contenu")

    send = _verb(verbs, "send", _send, "envoyer des documents ou des messages, comme un hôpital")
    send.add_argument("files", nargs="+", type=Path, metavar="FICHIER", help="CDA (.xml) ou HL7v2 (.er7, .hl7)")
    send.add_argument("--to", choices=["mllp", "fhir"], default="mllp")
    send.add_argument("--address", default="", help="mllp : hôte:port ; fhir : adresse de base (défaut : celles des réglages)")
    send.add_argument("--token", default="", help="jeton d’accès pour fhir (défaut : MAILLAGE_TOKEN)")

    load = _verb(verbs, "import", _import, "importer des ressources FHIR (NDJSON)")
    load.add_argument("files", nargs="+", type=Path, metavar="FICHIER")

    account = _verb(verbs, "account", _account, "les comptes de ceux qui n’ont pas de carte professionnelle")
    account.add_argument("act", choices=["invite", "link", "close", "list"], metavar="ACTE", help="invite, link, close ou list")
    account.add_argument("email", nargs="?", default="", metavar="ADRESSE", help="adresse électronique de la personne")
    account.add_argument("--given", default="", help="prénom (invite)")
    account.add_argument("--family", default="", help="nom (invite)")
    account.add_argument(
        "--role", default="", help="social-worker, coordinator, administrator, steward, operator, officer ou ars (invite)"
    )
    account.add_argument("--finess", default="", help="structure de la personne, par son numéro FINESS (invite)")
    account.add_argument("--administers", action="store_true", help="la personne invite aussi celles de sa structure (invite)")

    save = _verb(verbs, "backup", _backup, "sauvegarder la base et les documents dans un nouveau dossier")
    save.add_argument("target", type=Path, metavar="DOSSIER")
    back = _verb(verbs, "restore", _restore, "restaurer une sauvegarde dans une installation vide")
    back.add_argument("source", type=Path, metavar="DOSSIER")
    _verb(verbs, "erase-again", _erase_again, "effacer de nouveau ce qui l’avait été (« restore » le fait de lui-même)")
    return top


def _verb(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, verb: Verb, words: str
) -> argparse.ArgumentParser:
    command = verbs.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".")
    command.set_defaults(verb=verb)
    return command


def _demo(config: Config, arguments: argparse.Namespace) -> int:
    try:
        from maillage.operator.demo import Wanted, run_demo
    except ModuleNotFoundError as fault:
        raise SetupError("the demonstration is not part of what is installed: run `make demo` in the source") from fault
    wanted = Wanted(port=arguments.port, scale=arguments.scale, seed=not arguments.no_seed, json=arguments.json)
    return run_demo(config, arguments.data, wanted)


def _serve(config: Config, _: argparse.Namespace) -> int:
    from maillage.serving import serve

    return serve(config)


def _worker(config: Config, _: argparse.Namespace) -> int:
    from maillage.worker import work

    return work(config)


def _mllp(config: Config, _: argparse.Namespace) -> int:
    from maillage.worker import receive

    return receive(config)


def _migrate(config: Config, arguments: argparse.Namespace) -> int:
    from maillage.operator.checks import migrate_database

    return migrate_database(config, arguments.role)


def _check(config: Config, _: argparse.Namespace) -> int:
    from maillage.operator.checks import check

    return check(config)


def _reindex(config: Config, _: argparse.Namespace) -> int:
    from maillage.operator.reindexing import reindex

    return reindex(config)


def _lanes(text: str) -> int:
    """How many connections may verify side by side: 1 to 16."""
    if not text.isdecimal() or not 1 <= int(text) <= 16:
        raise argparse.ArgumentTypeError("un nombre de 1 à 16")
    return int(text)


def _audit_verify(config: Config, arguments: argparse.Namespace) -> int:
    from maillage.operator.trail import verify

    return verify(config, arguments.heads, lanes=arguments.lanes)


def _audit_heads(config: Config, arguments: argparse.Namespace) -> int:
    from maillage.operator.trail import heads

    return heads(config, arguments.to)


def _files_encrypt(config: Config, _: argparse.Namespace) -> int:
    from maillage.operator.files import encrypt

    return encrypt(config)


def _files_rotate(config: Config, _: argparse.Namespace) -> int:
    from maillage.operator.files import rotate

    return rotate(config)


def _send(config: Config, arguments: argparse.Namespace) -> int:
    from maillage.operator.sending import send

    return send(config, arguments.files, to=arguments.to, address=arguments.address, token=arguments.token or config.token)


def _import(config: Config, arguments: argparse.Namespace) -> int:
    from maillage.operator.imports import import_resources

    return import_resources(config, arguments.files)


def _account(config: Config, arguments: argparse.Namespace) -> int:
    from maillage.operator.accounts import Asked, account

    return account(
        config, arguments.act,
        Asked(
            email=arguments.email, given=arguments.given, family=arguments.family, role=arguments.role, finess=arguments.finess,
            administers=arguments.administers,
        ),
    )  # fmt: skip


def _backup(config: Config, arguments: argparse.Namespace) -> int:
    from maillage.operator.backup import save

    return save(config, arguments.target)


def _restore(config: Config, arguments: argparse.Namespace) -> int:
    from maillage.operator.backup import bring_back

    return bring_back(config, arguments.source)


def _erase_again(config: Config, _: argparse.Namespace) -> int:
    from maillage.operator.erasing import erase_again

    return erase_again(config)


if __name__ == "__main__":
    sys.exit(main())
