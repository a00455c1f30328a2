// Starts a session of the page with the gateway token or a one-time link.
import { button, code, h, notice, replace, small } from "./dom.js";
import { notices } from "./actions.js";
import { secretField } from "./secret_form.js";
import { session } from "./session.js";
import { now, onTick } from "./time.js";

const RUNNING = "The gateway and your programs keep running.";
const ENDINGS = {
	idle: ["You were signed out of this page after 30 minutes without use", RUNNING],
	day: ["You were signed out of this page after 12 hours", `A sign-in lasts at most 12 hours. ${RUNNING}`],
	unknown: ["This page’s session has ended", `It was ended elsewhere, or the gateway has a new token. ${RUNNING}`],
	left: ["You are signed out of this page", RUNNING],
	unsure: ["You are signed out in this tab", "The gateway didn’t confirm it."],
};
const openCommand = () => code("goclaw open");

/** Asks for the gateway token. `reason` is why the last session ended, if there was one. */
export function startSessionView(reason, onOpen) {
	const heading = h("h1", { tabindex: -1 }, "Sign in to this gateway");
	const token = secretField("Gateway token", ["The value of ", code("GOCLAW_TOKEN"), ", or the token file in the gateway’s data folder. Or run ", openCommand(), " there for a one-time link: it works once, for 10 minutes."],
		{ name: "gateway_token", autocomplete: "current-password" });
	const go = h("button.btn.btn-fill", null, "Sign in");
	const form = h("form.stack", { novalidate: true, onsubmit: submit }, token.node, go);
	const over = ENDINGS[reason];
	const node = h("div.start", null, over && notice("off", over[0], over[1], { role: "status" }),
		h("div", null, heading, h("p.small.mono", null, location.host)), form,
		small("This signs in this tab only, for at most 12 hours, or until 30 minutes without use."));

	async function submit(event) {
		event.preventDefault();
		if (go.disabled) return;
		const value = token.take();
		if (value === "") return token.refuse("The field is empty. Paste the gateway’s token.");
		if (/[^!-~]/.test(value)) return token.refuse("A token has no spaces and only ASCII characters.");
		lock(true);
		try {
			await session.signIn(value);
			onOpen();
		} catch (error) {
			lock(false);
			if (error.status === 429) hold(error.retryAfter ?? 60);
			else if (error.status === 401) token.refuse("This is not the gateway’s token. Check for a missing first or last character.");
			else if (error.status === 403) token.refuse("This is an API token, which can’t open this page. Use the gateway token.");
			else token.refuse(error.sentence);
		}
	}

	const lock = (locked) => { for (const control of [token.input, token.show, go]) control.disabled = locked; };

	/** Locks the form for the time in `Retry-After`. */
	function hold(seconds) {
		const end = now() + seconds;
		const count = h("span");
		token.refuse("Too many wrong tokens. Try again in ", count, ". Your programs are not affected.");
		lock(true);
		onTick(count, (t) => {
			count.textContent = `${Math.max(1, Math.ceil(end - t))} s`;
			if (t < end || !go.disabled) return;
			lock(false);
			token.take();
			token.input.focus();
		});
	}

	return { node, title: "Sign in", heading, focus: () => (over ? heading : token.input).focus(), update: () => {} };
}

/** Redeems a one-time link and shows the result. */
export function linkView(onOpen, onToken) {
	const title = "Signing in with your one-time link";
	const heading = h("h1", { tabindex: -1 }, title);
	const words = small("The link is removed from the address bar and works only once.");
	const row = h("div.row", null);
	const node = h("div.start", null, h("div", { role: "status" }, heading, words), row);
	const useToken = (kind = "") => (session.isOpen ? button("Stay signed in", onOpen, { kind }) : button("Sign in with the token", onToken, { kind }));

	async function redeem() {
		try {
			await session.redeem();
			notices.show(notice("ok", "You are signed in", ["For another link, run ", code("goclaw open"), "."]));
			onOpen();
		} catch (error) {
			if (error.isOffline) {
				end("The gateway doesn’t respond", ["Cannot reach the gateway at ", location.origin, ". Start it with ", code("goclaw"), " and try again. If the link no longer works, run ", openCommand(), "."],
					button("Try again", again, { kind: "btn-fill" }), useToken());
			} else if (error.status === 429) {
				end("Too many attempts", [`Wait ${error.retryAfter ?? 60} s, then make a new link with `, openCommand(), ". Your programs are not affected."], useToken("btn-fill"));
			} else if (error.status === 401) {
				end("This link no longer works", ["It was used or has expired. Make a new one with ", openCommand(), ". If it is less than 10 minutes old and you didn’t use it, somebody else did: change the gateway token."], useToken("btn-fill"));
			} else end("The gateway rejected the link", error.sentence, useToken("btn-fill"));
		}
	}

	function end(title, text, ...actions) {
		replace(heading, title);
		replace(words, text);
		replace(row, actions);
		heading.focus();
	}

	function again() {
		replace(heading, title);
		replace(words, "Trying once more.");
		replace(row);
		redeem();
	}

	redeem();
	return { node, title: "Sign in", heading, update: () => {} };
}
