// What happened to all accounts, so that "did it renew last night?" has an answer: first the answer, then the list.
import { pathOf } from "./cards.js";
import { h, put, replace, uid } from "./dom.js";
import { entry } from "./history.js";
import { loading } from "./states.js";
import { store } from "./store.js";
import { clock, dayName, moment, now } from "./time.js";
import { worthTelling } from "./words.js";

const DAY = 86400;
const SHOWN = 100;

export function activityView() {
  const heading = h("h1", { tabindex: -1 }, "Activity");
  const answer = h("p", { role: "status" });
  const list = h("div", { class: "days" });
  const id = uid("which");
  const which = h("select", { class: "in fit", id, onchange: draw }, h("option", { value: "" }, "All accounts"));
  const wait = loading("Loading what happened");
  const head = h("div", { class: "page-head" }, h("div", null, heading, answer), h("div", { class: "row" }, h("label", { class: "vh", for: id }, "Account"), which));
  const node = h("div", null, wait.node);
  let waiting = true;
  let shown = null;
  let names = null;

  function update() {
    const all = store.all;
    if (!all) return;
    if (waiting) {
      waiting = false;
      wait.stop();
      replace(node, head, list);
    }
    const known = all.map((account) => account.name).join();
    if (known !== names) {
      names = known;
      const chosen = which.value;
      replace(which, h("option", { value: "" }, "All accounts"), all.map(({ name }) => h("option", { value: name }, name)));
      which.value = all.some(({ name }) => name === chosen) ? chosen : "";
    }
    draw();
  }

  function draw() {
    const chosen = store.all.filter(({ name }) => which.value === "" || which.value === name);
    const happened = chosen.flatMap(({ provider, events }) => worthTelling(events).map((event) => ({ event, provider })))
      .sort((a, b) => b.event.at - a.event.at || b.event.id - a.event.id);
    const next = JSON.stringify([which.value, happened.map(({ event }) => event.id), dayName(now())]);
    if (next === shown) return;
    shown = next;
    replace(answer, lately(happened));
    replace(list, happened.length === 0 && h("p", { class: "panel small" }, "Nothing has happened yet. Sign-ins, renewals and failures are listed here."), days(happened.slice(0, SHOWN)),
      happened.length > SHOWN && h("p", { class: "small" }, `The newest ${SHOWN} of ${happened.length}.`));
  }

  update();
  return { node, title: "Activity", heading, update };
}

function days(happened) {
  const groups = [];
  for (const item of happened) {
    const name = dayName(item.event.at);
    if (groups.at(-1)?.name !== name) groups.push({ name, items: [] });
    groups.at(-1).items.push(item);
  }
  return groups.map(({ name, items }) => {
    const id = uid("day");
    return h("section", { class: "panel", "aria-labelledby": id }, h("h2", { id }, name),
      h("ol", { class: "log" }, items.map(({ event, provider }) => entry(event, provider, { heading: "h3", href: pathOf(provider.name) }))));
  });
}

/** The last day in one sentence: how often it renewed, when last, and whether anything went wrong. */
function lately(happened) {
  const since = now() - DAY;
  const recent = happened.filter(({ event }) => event.at >= since);
  const of = (...kinds) => recent.filter(({ event }) => kinds.includes(event.event));
  const renewed = of("refreshed");
  const failed = of("needs_reauth", "in_doubt", "refresh_postponed");
  const words = h("span");
  if (renewed.length === 0 && failed.length === 0) {
    const before = happened.find(({ event }) => event.event === "refreshed");
    return put(words, "In the last 24 hours nothing was due and nothing failed.", before && ` The last renewal was ${before.provider.name}’s, ${at(before.event.at)}.`);
  }
  put(words, "In the last 24 hours: ", renewed.length === 0 ? "no renewal" : renewed.length === 1 ? `one renewal, ${renewed[0].provider.name} at ${clock(renewed[0].event.at)}`
    : `${renewed.length} renewals, the last ${renewed[0].provider.name}’s at ${clock(renewed[0].event.at)}`);
  put(words, failed.length === 0 ? "; nothing failed." : failed.length === 1 ? `; one failure, ${failed[0].provider.name} at ${clock(failed[0].event.at)}.` : `; ${failed.length} failures, the last ${failed[0].provider.name}’s at ${clock(failed[0].event.at)}.`);
  return words;
}

const at = (time) => moment(time).replace(/^(\d\d:\d\d)$/, "today at $1");
