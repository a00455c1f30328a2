// Builds elements and text nodes. No string is ever parsed as HTML.
const SVG = "http://www.w3.org/2000/svg";

/** Creates an element, such as `p.small`. `on*` attributes are listeners, `true` sets a bare one, null and false omit it. */
export function h(name, attributes, ...children) {
	const [tag, ...classes] = name.split(".");
	return fill(document.createElement(tag), classes, attributes, children);
}

/** Creates an SVG element, like `h`. Geometry is in attributes, because the CSP forbids inline styles. */
export function svg(name, attributes, ...children) {
	const [tag, ...classes] = name.split(".");
	return fill(document.createElementNS(SVG, tag), classes, attributes, children);
}

function fill(node, classes, attributes, children) {
	node.classList.add(...classes);
	for (const [key, value] of Object.entries(attributes ?? {})) {
		if (value === null || value === undefined || value === false) continue;
		if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
		else if (key === "value") node.value = value;
		else node.setAttribute(key, value === true ? "" : value);
	}
	put(node, ...children);
	return node;
}

export function put(node, ...children) {
	for (const child of children.flat(9)) {
		if (child !== null && child !== undefined && child !== false) node.append(child);
	}
	return node;
}

export function replace(node, ...children) {
	node.replaceChildren();
	return put(node, ...children);
}

/** Sets a text only if it differs, so that screen readers do not repeat it. */
export function say(node, text) {
	if (node.textContent !== text) node.textContent = text;
}

/** Replaces `old` by `next` and keeps the focus on the control with the same `data-f`. */
export function swap(old, next) {
	const held = old.contains(document.activeElement) ? document.activeElement.dataset.f : null;
	old.replaceWith(next);
	if (held) next.querySelector(`[data-f="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
	return next;
}

const SHAPES = {
	ok: () => [svg("circle", { cx: 5, cy: 5, r: 4.5, fill: "currentColor" })],
	warn: () => [ring({ "stroke-width": 1.5 }), svg("path", { d: "M5 1a4 4 0 0 1 0 8z", fill: "currentColor" })],
	bad: () => [svg("path", { d: "M5 0l5 5-5 5-5-5z", fill: "currentColor" })],
	off: () => [ring({ "stroke-width": 1.5 })],
	doubt: () => [ring({ "stroke-width": 1.8, "stroke-dasharray": "2.2 2" })],
};

function ring(more) {
	return svg("circle", { cx: 5, cy: 5, r: 4, fill: "none", stroke: "currentColor", ...more });
}

/** Returns the icon of a state. A label always accompanies it, so it is hidden from screen readers. */
export function mark(shape, colour = "") {
	return svg("svg", { class: `mark ${colour}`, viewBox: "0 0 10 10", "aria-hidden": "true" }, SHAPES[shape]());
}

/** Returns the head of a subscreen: back link, title, description and actions. */
export const pageHead = (heading, about, ...actions) => h("div.page-head", null,
	h("div", null, h("p.crumb", null, h("a", { href: "#/providers", "data-f": "back" }, "Providers")), heading, about), actions);

export function panel(title, ...content) {
	const id = uid("panel");
	return h("section.panel", { "aria-labelledby": id }, h("h2", { id }, title), content);
}

/** Returns the error line of a field: `say` shows words and focuses the field, `clear` removes them. */
export function fieldError(input) {
	const id = uid("error");
	const node = h("p.err", { id, role: "alert" });
	input.setAttribute("aria-describedby", `${input.getAttribute("aria-describedby") ?? ""} ${id}`);
	return {
		node,
		say(...words) {
			replace(node, mark("bad"), h("span", null, words));
			input.ariaInvalid = true;
			input.focus();
		},
		clear() {
			replace(node);
			input.ariaInvalid = null;
		},
	};
}

export function button(label, onclick, { kind = "", f = null, ...more } = {}) {
	return h("button", { class: `btn ${kind}`, type: "button", onclick, "data-f": f, ...more }, label);
}

export function link(label, href, { kind = "", f = null, ...more } = {}) {
	return h("a", { class: `btn ${kind}`, href, "data-f": f, ...more }, label);
}

export const code = (text) => h("code", null, text);

export const small = (...words) => h("p.small", null, words);

export const byId = (id) => document.getElementById(id);

let ids = 0;
export const uid = (stem) => `${stem}-${++ids}`;

export const colourOf = (shape) => ({ warn: "is-warn", doubt: "is-warn", bad: "is-bad", off: "is-off" })[shape] ?? "";

/** Returns a notice with icon, title, text and actions. `tone`: ok, off, warn, bad, doubt. */
export function notice(tone, title, text, { actions = [], role = null, shape = tone, level = "h2" } = {}) {
	const colour = colourOf(tone);
	return h("div", { class: `note ${tone === "off" ? "" : colour}`, role },
		mark(shape, colour),
		h("div", null, h(level, null, title), text && h("p", null, text),
			actions.length > 0 && h("div.row", null, actions)));
}

/** Copies a text and shows the result on the button. */
export async function copy(target, text) {
	const label = target.dataset.label ?? target.textContent;
	target.dataset.label = label;
	say(target, (await navigator.clipboard?.writeText(text).then(() => true, () => false)) || copyWithSelection(text)
		? "Copied" : "Not copied: the browser does not allow it");
	setTimeout(() => say(target, label), 2500);
}

/** Copies without the Clipboard API, which browsers disable over plain HTTP from another machine. */
function copyWithSelection(text) {
	const held = document.activeElement;
	const area = h("textarea.vh", { readonly: true, value: text });
	document.body.append(area);
	area.select();
	const copied = document.execCommand("copy");
	area.remove();
	held?.focus();
	return copied;
}
