"""The pages of software, a file for each place: consent, one's applications, launch from a record, the register, the developers' page."""

from maillage.services.software.pages import administration, authorize, developers, launch, own

routes = [*authorize.routes, *own.routes, *launch.routes, *administration.routes, *developers.routes]
