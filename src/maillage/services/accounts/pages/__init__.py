"""The doors of accounts, a file for each place: sign-in, link, one's own account, devices, proof, situation, administration, sessions of others."""

from maillage.services.accounts.pages import administration, devices, links, own, proof, sessions, sign_in, situation

routes = [
    *sign_in.routes,
    *links.routes,
    *own.routes,
    *devices.routes,
    *proof.routes,
    *situation.routes,
    *administration.routes,
    *sessions.routes,
]
