"""The doors of accounts, a file for each place: sign-in, link, one's own account, devices, proof, situation, administration."""

from maillage.services.accounts.pages import administration, devices, links, own, proof, sign_in, situation

routes = [*sign_in.routes, *links.routes, *own.routes, *devices.routes, *proof.routes, *situation.routes, *administration.routes]
