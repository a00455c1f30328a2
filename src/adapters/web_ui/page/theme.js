// The owner's choice of colours must be in force before the first paint, so this one script is not a module.
(() => {
	const KEY = "goclaw.theme";
	const root = document.documentElement;
	const read = () => {
		try { return localStorage.getItem(KEY) || "system"; } catch { return "system"; }
	};
	const apply = (theme) => {
		if (theme === "light" || theme === "dark") root.dataset.theme = theme;
		else delete root.dataset.theme;
	};
	apply(read());
	document.addEventListener("DOMContentLoaded", () => {
		const box = document.getElementById("theme");
		const current = read();
		for (const input of box.querySelectorAll("input")) input.checked = input.value === current;
		box.addEventListener("change", (event) => {
			apply(event.target.value);
			// Storage may be forbidden; the choice then lasts as long as the tab.
			try { localStorage.setItem(KEY, event.target.value); } catch { /* nothing to do */ }
		});
	});
})();
