// Keeps what is marked with data-live current: the same page is asked for again, and its part put in place.
"use strict";

const EVERY_MS = 5000;
const live = document.querySelector("[data-live]");

function isUsed() {
  const chosen = document.getSelection();
  return document.hidden || live.contains(document.activeElement) || !(chosen === null || chosen.isCollapsed);
}

async function renew() {
  const answer = await fetch(location.href, { cache: "no-store" });
  if (!answer.ok) throw new Error(String(answer.status));
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  live.replaceChildren(...page.querySelector("[data-live]").childNodes);
}

async function look() {
  if (isUsed()) return;
  try {
    await renew();
    delete live.dataset.stale;
  } catch {
    live.dataset.stale = "";
  }
}

if (live) setInterval(look, EVERY_MS);
