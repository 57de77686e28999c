/* Shows what a push says, and opens the page that it names. It keeps nothing, and sees no page of the platform. */
self.addEventListener("install", () => self.skipWaiting());

self.addEventListener("push", (event) => {
  let said = {};
  try { said = event.data.json(); } catch { /* a push without words */ }
  const options = { body: said.body || "Une nouveauté vous attend.", tag: "maillage", renotify: true, lang: "fr", icon: "__ICON__", badge: "__ICON__", data: said.url || "/" };
  event.waitUntil(self.registration.showNotification(said.title || "Maillage", options));
});

/* A page of ours that shows it already comes to the front; else a new one opens: what is being written elsewhere stays where it is. */
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const wanted = new URL(event.notification.data, self.location.origin);
  if (wanted.origin !== self.location.origin) return;
  event.waitUntil((async () => {
    const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
    const there = pages.find((page) => new URL(page.url).pathname === wanted.pathname);
    return there ? there.focus() : self.clients.openWindow(wanted.href);
  })());
});
