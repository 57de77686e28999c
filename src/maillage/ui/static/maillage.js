/* What HTML cannot do alone: the "N nouveautés" notice, the focus on an error summary, the print button, passkeys, forms sent again on a bad network. */
(() => {
  "use strict";

  const each = (selector, act) => document.querySelectorAll(selector).forEach(act);

  /* A notice (macro `news`) names its topic and how many items the page shows. When the stream says that the topic changed, the page
     is asked for again and the difference is told; nothing moves under the reader's eyes until they choose. */
  const tell = async (notice) => {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const now = fresh.querySelector(`[data-news="${notice.dataset.news}"]`);
    const count = now ? now.dataset.shown - notice.dataset.shown : 0;
    notice.hidden = !(count > 0);
    notice.querySelector("[data-news-words]").textContent = count === 1 ? "1 nouveauté" : `${count} nouveautés`;
  };

  /* A region `data-live` names its topic and is shown as the page, asked for again, has it: what is being written stands outside of it. */
  const refresh = async (regions) => {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    let changed = false;
    for (const region of regions) {
      const now = fresh.getElementById(region.id);
      if (!now || now.textContent === region.textContent) continue;
      changed = changed || region.querySelectorAll("article").length < now.querySelectorAll("article").length;
      region.replaceChildren(...now.childNodes);
    }
    if (changed) each("[data-live-said]", (line) => { line.textContent = ""; line.textContent = "Nouveau message"; });
  };

  /* One page of the browser listens for all of them, whoever holds the lock: over HTTP/1.1 a browser opens six connections to a host, and
     a seventh page that listened would never load. */
  const listen = () => {
    const notices = [...document.querySelectorAll("[data-news]")];
    const regions = [...document.querySelectorAll("[data-live]")];
    if (!notices.length && !regions.length) return;
    let soon;
    const waiting = new Map();
    const others = new BroadcastChannel("maillage-flux");
    const hear = (topic) => {
      if (regions.some((region) => topic === region.dataset.live || topic === "reprise")) {
        clearTimeout(soon);
        soon = setTimeout(() => refresh(regions), 50);
      }
      for (const notice of notices) {
        if (topic !== notice.dataset.news && topic !== "reprise") continue;
        clearTimeout(waiting.get(notice));
        waiting.set(notice, setTimeout(() => tell(notice), 150));
      }
    };
    const say = (topic) => { hear(topic); others.postMessage(topic); };
    /* A browser comes back by itself where the line was cut, but gives up where the server answers something else (it is full, or begins
       again): the page comes back then, ever more seldom, each at its own moment. What was missed is looked at. */
    const stream = () => new Promise((end) => {
      let source, later, lost = false, pause = 5000;
      const stop = () => { clearTimeout(later); source.close(); end(); };
      const open = () => {
        source = new EventSource("/flux");
        source.addEventListener("open", () => { if (lost) say("reprise"); lost = false; pause = 5000; });
        source.addEventListener("change", (event) => say(event.data));
        source.addEventListener("fin", stop);
        source.addEventListener("error", () => {
          lost = true;
          if (source.readyState !== EventSource.CLOSED) return;
          later = setTimeout(open, pause * (1 + Math.random()));
          pause = Math.min(2 * pause, 300000);
        });
      };
      addEventListener("pagehide", stop, { once: true });
      open();
    });
    others.addEventListener("message", (event) => hear(event.data));
    if (navigator.locks) navigator.locks.request("maillage-flux", stream);
    else stream();
  };

  const start = (root) => {
    const errors = root.querySelector(".m-errors");
    if (errors) errors.focus();
  };

  /* Passkeys: a form `data-passkey` asks its address `data-ask` what to sign, and sends what the authenticator answers. */
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const words = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const asked = (options) => {
    const named = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));
    return { ...options, challenge: bytes(options.challenge), user: options.user && { ...options.user, id: bytes(options.user.id) },
      excludeCredentials: named(options.excludeCredentials), allowCredentials: named(options.allowCredentials) };
  };
  const answered = (made) => {
    const response = {};
    for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (made.response[name]) response[name] = words(made.response[name]);
    }
    return JSON.stringify({ id: made.id, rawId: words(made.rawId), type: made.type, response, clientExtensionResults: {} });
  };
  const passkey = async (form) => {
    const said = form.querySelector("[data-said]");
    const button = form.querySelector("button");
    const failed = (why) => { said.textContent = why; said.hidden = false; button.disabled = false; };
    button.disabled = true;
    said.hidden = true;
    try {
      const sent = new URLSearchParams(new FormData(form));
      const answer = await fetch(form.dataset.ask, { method: "POST", body: sent });
      if (!answer.ok) { failed(form.dataset.late); return; }
      const publicKey = asked(await answer.json());
      const made = await navigator.credentials[form.dataset.passkey]({ publicKey });
      form.elements.reponse.value = answered(made);
      form.submit();
    } catch (fault) { failed(form.dataset.failed); }
  };
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-passkey]")) return;
    event.preventDefault();
    passkey(event.target);
  });

  /* Notifications: a form `data-push` (our public key) has the browser subscribe to its push service, and sends what it gives. Its worker `data-worker`
     is of the folder of built files alone, and so of no page. */
  const active = (worker) => worker.active || new Promise((end) => {
    const coming = worker.installing || worker.waiting;
    coming.addEventListener("statechange", () => { if (coming.state === "activated") end(); });
  });
  const subscribe = async (form) => {
    const said = form.querySelector("[data-said]");
    const button = form.querySelector("button");
    const failed = (why) => { said.textContent = why; said.hidden = false; button.disabled = false; };
    button.disabled = true;
    said.hidden = true;
    try {
      if (await Notification.requestPermission() !== "granted") { failed(form.dataset.denied); return; }
      const worker = await navigator.serviceWorker.register(form.dataset.worker, { scope: "/static/" });
      await active(worker);
      const known = await worker.pushManager.getSubscription();
      if (known) await known.unsubscribe();
      const made = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(form.dataset.push) });
      form.elements.abonnement.value = JSON.stringify(made);
      form.submit();
    } catch (fault) { failed(form.dataset.failed); }
  };
  const canPush = () => "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;
  const offerPush = () => { if (canPush()) { each("[data-push]", (form) => { form.hidden = false; }); each("[data-push-none]", (line) => { line.hidden = true; }); } };
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-push]")) return;
    event.preventDefault();
    subscribe(event.target);
  });

  /* A form `data-resend` is sent from where it stands: while the network is away it says that it is not sent yet, keeps what was typed, and sends the
     very same again, with the same key, so that it is carried out once. Nothing is kept anywhere but on this page: to leave it is asked about. */
  const pending = new Set();
  let page = null;  // what is shown when nothing is on its way any more: first an answer that asks something again
  const wait = (seconds, now) => new Promise((end) => {
    addEventListener("online", end, { once: true });
    now.addEventListener("click", end, { once: true });
    setTimeout(end, seconds * 1000);
  });
  addEventListener("beforeunload", (event) => { if (pending.size) event.preventDefault(); });
  const shown = async (answer) => {
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.title = fresh.title;
    document.body.replaceWith(fresh.body);
    replaced = true;
    if (answer.redirected) history.pushState(null, "", answer.url);
    scrollTo(0, 0);
    start(document);
    each("[data-print]", (b) => { b.hidden = false; });
  };
  const resend = async (form) => {
    const filled = new FormData(form);
    const body = form.enctype === "multipart/form-data" ? filled : new URLSearchParams(filled);  // files go with the first only
    const button = form.querySelector("button[type=submit]");
    const said = document.createElement("p");
    said.className = "m-said";
    said.setAttribute("role", "status");
    const now = document.createElement("button");
    now.type = "button";
    now.className = "btn btn-line btn-tap";
    now.textContent = "Envoyer maintenant";
    now.hidden = true;
    form.append(said, now);
    button.disabled = true;
    pending.add(form);
    const since = new Date().toLocaleTimeString("fr-FR", { hour: "2-digit", minute: "2-digit" });
    for (let pause = 1; ; pause = Math.min(pause * 2, 30)) {
      const answer = await fetch(form.action, { method: "POST", body, headers: { accept: "text/html" } }).catch(() => null);
      if (answer && answer.redirected && /^\/(connexion|preuve)/.test(new URL(answer.url).pathname)) {
        pending.delete(form);
        now.hidden = true;
        said.textContent = "Votre session est terminée : rien n’est envoyé. Gardez cette page, connectez-vous dans une autre, puis recopiez.";
        button.disabled = false;
        return;
      }
      if (answer && ![408, 502, 503, 504].includes(answer.status)) {
        pending.delete(form);
        now.hidden = true;
        said.textContent = answer.ok ? "Envoyé." : "À revoir dans un instant.";
        if (!page || !answer.ok) page = answer;
        if (pending.size) return;
        const last = page;
        page = null;
        return shown(last);
      }
      said.textContent = `Pas encore envoyé : le réseau ne répond pas depuis ${since}. Rien n’est perdu, l’envoi repart tout seul : restez sur cette page.`;
      now.hidden = false;
      await wait(pause, now);
    }
  };
  /* A list `data-names-for` holds whom « @ » can name in a text: it shows those of whom a name begins as one types. Arrows choose, Enter or
     Tab writes the name, Escape closes. Without it the name is typed in full. */
  const plain = (words) => words.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  const naming = (text) => {
    const list = text.id && document.querySelector(`[data-names-for="${text.id}"]`);
    if (!list) return null;
    const said = document.getElementById(`${list.id}-dit`);
    const shown = () => [...list.children].filter((one) => !one.hidden);
    const choose = (chosen) => {
      for (const one of list.children) one.setAttribute("aria-selected", one === chosen);
      text.setAttribute("aria-activedescendant", chosen.id);
      chosen.scrollIntoView({ block: "nearest" });
    };
    const close = () => { list.hidden = true; said.textContent = ""; text.removeAttribute("aria-activedescendant"); };
    const begun = () => text.value.slice(0, text.selectionStart).match(/(^|\s)@([^@\n]{0,40})$/);
    const open = () => {
      const typed = begun();
      const wanted = typed && plain(typed[2]);
      for (const one of list.children) {
        const name = plain(one.textContent);
        one.hidden = !typed || !(name.startsWith(wanted) || name.split(" ").some((word) => word.startsWith(wanted)));
      }
      if (!shown().length) return close();
      list.hidden = false;
      text.setAttribute("aria-autocomplete", "list");
      text.setAttribute("aria-controls", list.id);
      choose(shown()[0]);
      const count = shown().length;
      said.textContent = `${count} membre${count > 1 ? "s" : ""}, flèches pour choisir, Entrée pour nommer`;
    };
    const write = (chosen) => {
      const typed = begun();
      text.setRangeText(`@${chosen.textContent} `, text.selectionStart - typed[2].length - 1, text.selectionStart, "end");
      close();
      text.focus();
    };
    const move = (step) => {
      const all = shown();
      choose(all[(all.findIndex((one) => one.id === text.getAttribute("aria-activedescendant")) + step + all.length) % all.length]);
    };
    return { list, open, close, write, move, chosen: () => document.getElementById(text.getAttribute("aria-activedescendant")) };
  };
  document.addEventListener("input", (event) => { const names = event.target.matches("textarea") && naming(event.target); if (names) names.open(); });
  document.addEventListener("focusout", (event) => { const names = event.target.matches("textarea") && naming(event.target); if (names) names.close(); });
  document.addEventListener("keydown", (event) => {
    const names = event.target.matches("textarea") && naming(event.target);
    if (!names || names.list.hidden) return;
    const acts = { ArrowDown: () => names.move(1), ArrowUp: () => names.move(-1), Enter: () => names.write(names.chosen()), Tab: () => names.write(names.chosen()), Escape: names.close };
    if (!acts[event.key] || event.shiftKey) return;
    event.preventDefault();
    acts[event.key]();
  });
  document.addEventListener("mousedown", (event) => {
    const option = event.target.closest("[data-names-for] [role=option]");
    if (!option) return;
    event.preventDefault();
    naming(document.getElementById(option.parentElement.dataset.namesFor)).write(option);
  });

  /* A form `data-recompute` is sent as a draft at each change of an answer, and shown again as it then is: what follows from the answers, and when it
     was saved. What is being typed meanwhile is never written over: the form is sent again instead. */
  let sending = null, again = false;
  const contents = (form) => new URLSearchParams(new FormData(form)).toString();
  const recompute = async (form) => {
    if (sending) { again = true; return; }
    const sent = contents(form);
    sending = fetch(form.action, { method: "POST", body: new URLSearchParams(`${sent}&recalculer=1`), headers: { accept: "text/html" } });
    try {
      const fresh = new DOMParser().parseFromString(await (await sending).text(), "text/html").getElementById(form.id);
      if (fresh && contents(form) === sent) {
        const here = document.activeElement && form.contains(document.activeElement) ? document.activeElement : null;
        form.replaceChildren(...fresh.childNodes);
        const back = here && here.id ? document.getElementById(here.id) : null;
        if (back) {
          back.focus({ preventScroll: true });
          if (back.setSelectionRange && back.type === "text") back.setSelectionRange(back.value.length, back.value.length);
        }
      } else again = again || Boolean(fresh);
    } catch (fault) { /* the network is away: the next change, or the button, sends everything */ }
    sending = null;
    if (again) { again = false; recompute(form); }
  };
  document.addEventListener("change", (event) => {
    const form = event.target.closest("[data-recompute]");
    if (form) recompute(form);
  });

  let replaced = false;
  addEventListener("popstate", () => { if (replaced && !location.hash) location.reload(); });
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-resend]")) return;
    event.preventDefault();
    resend(event.target);
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-print]")) print();
    each(".m-menu[open]", (menu) => { if (!menu.contains(event.target)) menu.open = false; });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    each(".m-menu[open]", (menu) => { menu.open = false; menu.querySelector("summary").focus(); });
  });
  document.addEventListener("DOMContentLoaded", () => { start(document); listen(); each("[data-print]", (b) => { b.hidden = false; }); offerPush(); if (window.PublicKeyCredential) each("[data-passkey]", (f) => { f.hidden = false; }); });
  document.addEventListener("htmx:after:swap", () => start(document));
})();
