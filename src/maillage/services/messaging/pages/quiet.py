"""How one is told that something waits: by e-mail, on which browsers, and when one wants to be left in peace."""

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.access.platform import Platform
from maillage.connectors.push import Pusher, pusher_of
from maillage.errors import Invalid, NotFound
from maillage.http import Request, action, page, redirect
from maillage.services.accounts.public import device_words
from maillage.services.messaging.forms.device import subscription_of
from maillage.services.messaging.service import alerting, pushing
from maillage.ui import render

SAID = {
    "note": "C’est noté. Ce qui arrive pendant ce temps vous attend ici, et vous êtes prévenu ensuite.",
    "appareil": "Cet appareil vous préviendra quand quelque chose vous attend.",
    "retire": "Cet appareil ne vous préviendra plus.",
}


async def quiet(request: Request, ctx: Context) -> Response:
    """GET /mes-notifications: e-mails, and the hours without."""
    held = await alerting.quiet_of(ctx)
    values = {"debut": f"{held.starts:%H:%M}" if held.starts else "", "fin": f"{held.ends:%H:%M}" if held.ends else ""}
    values["courriel"] = "oui" if held.mail else "non"
    return await _page(request, ctx, values, {})


async def keep(request: Request, ctx: Context) -> Response:
    """POST /mes-notifications."""
    values = {name: str(value) for name, value in (await request.form()).items()}
    try:
        await alerting.keep_quiet(
            ctx, starts=values.get("debut", ""), ends=values.get("fin", ""), mail=values.get("courriel") != "non"
        )
    except Invalid as fault:
        return await _page(request, ctx, values, {str(one.expression): one.diagnostics for one in fault.issues}, status=422)
    return redirect("/mes-notifications?fait=note")


async def add_device(request: Request, ctx: Context) -> Response:
    """POST /mes-notifications/appareil: this browser, as it says itself (`PushSubscription.toJSON`)."""
    push = _pusher(request)
    if push is None:
        raise NotFound("no push is set up here")
    subscription = subscription_of(str((await request.form()).get("abonnement", "")))
    push.check(subscription)
    await pushing.subscribe(ctx, subscription, device=device_words(request.headers.get("user-agent", "")))
    return redirect("/mes-notifications?fait=appareil")


async def drop_device(request: Request, ctx: Context) -> Response:
    """POST /mes-notifications/appareil/{id}/retirer."""
    await pushing.unsubscribe(ctx, str(request.path_params["id"]))
    return redirect("/mes-notifications?fait=retire")


def _pusher(request: Request) -> Pusher | None:
    platform: Platform = request.app.state.platform
    return pusher_of(platform.config, platform.clock)


async def _page(request: Request, ctx: Context, values: dict[str, str], faults: dict[str, str], *, status: int = 200) -> Response:
    push, said = _pusher(request), SAID.get(request.query_params.get("fait", ""), "")
    devices = await pushing.devices(ctx)
    return render(
        request, ctx, "messaging/quiet.html", status=status, values=values, faults=faults, said_words=said, devices=devices,
        push_key=push.key.public if push else "",
    )  # fmt: skip


routes = [
    page("/mes-notifications", quiet, permission=Permission.MESSAGES_READ),
    action("/mes-notifications", keep, permission=Permission.MESSAGES_READ),
    action("/mes-notifications/appareil", add_device, permission=Permission.MESSAGES_READ),
    action("/mes-notifications/appareil/{id}/retirer", drop_device, permission=Permission.MESSAGES_READ),
]
