"use strict";
// The table of networks is drawn anew with every record and every network that is shown: who stands
// on one of its buttons stays there, so that the keyboard alone goes through it.
(() => {
  let kept = null;
  const button = (target) => target.closest?.("#networks button")?.id || null;
  document.addEventListener("focusin", (event) => { kept = button(event.target); });
  // A press beside everything takes the focus away without giving it to anything.
  document.addEventListener("pointerdown", (event) => { kept = button(event.target); });
  new MutationObserver(() => {
    if (kept === null || document.activeElement !== document.body) return;
    document.getElementById(kept)?.focus({ preventScroll: true });
  }).observe(document, { childList: true, subtree: true });
})();
