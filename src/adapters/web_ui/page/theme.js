// Applies the chosen theme. Not a module, because it must run before the first paint.
(() => {
	const KEY = "goclaw.theme";
	const root = document.documentElement;
	const read = () => {
		try { return localStorage.getItem(KEY) || "system"; } catch { return "system"; }
	};
	const apply = (theme) => { root.dataset.theme = theme; };
	apply(read());
	document.addEventListener("DOMContentLoaded", () => {
		const box = document.getElementById("theme");
		const current = read();
		for (const input of box.querySelectorAll("input")) input.checked = input.value === current;
		box.addEventListener("change", (event) => {
			apply(event.target.value);
			try { localStorage.setItem(KEY, event.target.value); } catch { /* lasts until a reload */ }
		});
	});
})();
