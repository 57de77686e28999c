"""The doors of accounts, a file for each place: sign-in, link, one's own account, administration."""

from maillage.services.accounts.pages import administration, links, own, sign_in

routes = [*sign_in.routes, *links.routes, *own.routes, *administration.routes]
