"""The doors of accounts, a file for each place: sign-in, link, one's own account, devices, proof, administration."""

from maillage.services.accounts.pages import administration, devices, links, own, proof, sign_in

routes = [*sign_in.routes, *links.routes, *own.routes, *devices.routes, *proof.routes, *administration.routes]
