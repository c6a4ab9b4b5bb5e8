// Renews what has changed on the page, every few seconds, without moving anything that people look at or use.
// The page is whole without it. Pieces that are marked data-live are replaced; forms and what is open stay.
"use strict";
(() => {
  const every = Number(document.body.dataset.renew) * 1000;
  const button = document.getElementById("renewal");
  let on = true;

  const isInUse = (piece) =>
    piece.contains(document.activeElement) ||
    [...piece.querySelectorAll("audio, video")].some((media) => !media.paused) ||
    (!getSelection().isCollapsed && piece.contains(getSelection().anchorNode));

  const keepOpen = (from, to) => {
    for (const details of from.querySelectorAll("details[open]")) {
      const same = details.id && to.querySelector("#" + CSS.escape(details.id));
      if (same) same.open = true;
    }
    for (const box of from.querySelectorAll("input[type=checkbox]")) {
      const same = [...to.querySelectorAll("input[type=checkbox]")].find(
        (one) => one.form.elements.version?.value === box.form.elements.version?.value);
      if (same) same.checked = box.checked;
    }
  };

  const renew = async () => {
    if (!on || document.hidden) return;
    const answer = await fetch(location.href, { credentials: "same-origin", cache: "no-store" });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const piece of document.querySelectorAll("[data-live]")) {
      const found = fresh.getElementById(piece.id);
      if (!found || found.innerHTML === piece.innerHTML && found.className === piece.className) continue;
      if (isInUse(piece)) continue;
      keepOpen(piece, found);
      piece.replaceWith(document.adoptNode(found));
    }
  };

  button.closest("[hidden]").hidden = false;
  button.addEventListener("click", () => {
    on = !on;
    button.setAttribute("aria-pressed", String(on));
  });
  // A page that comes from an action says so once; loaded again, it does not.
  if (location.search.includes("done=")) {
    const address = new URL(location.href);
    address.searchParams.delete("done");
    history.replaceState(null, "", address);
  }
  setInterval(() => renew().catch(() => {}), every);
})();
