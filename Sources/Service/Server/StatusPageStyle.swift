/// How the status page looks, and the few lines that keep it fresh.
enum StatusPageStyle {
  static let css: HTML = """

    :root { --ground: #f3f6f8; --paper: #fff; --ink: #14242e; --soft: #5a6d78; --line: #dde5ea; --sea: #0d6e83;
      --good: #17743f; --good-ground: #def3e5; --warn: #8a5300; --warn-ground: #fdeecd; --bad: #b3261e;
      --bad-ground: #fce4e1 }
    @media (prefers-color-scheme: dark) { :root { --ground: #0c151b; --paper: #142129; --ink: #e4edf1;
      --soft: #92a6b1; --line: #24353f; --sea: #58bfd3; --good: #74d99b; --good-ground: #12341f; --warn: #f0be62;
      --warn-ground: #3a2c0d; --bad: #ff938a; --bad-ground: #431b18 } }
    * { box-sizing: border-box; margin: 0 }
    body { background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif;
      font-variant-numeric: tabular-nums; overflow-wrap: anywhere }
    main { max-width: 68rem; margin: 0 auto; padding: 1.5rem 1.25rem 2rem }
    header { display: flex; align-items: center; gap: .75rem }
    header .pill { margin-left: auto; font-size: .95rem }
    header p, small, .foot, footer { color: var(--soft); font-weight: 400; font-size: .82rem }
    h1 { font-size: 1.3rem; line-height: 1.2; letter-spacing: -.01em }
    h2 { font-size: .78rem; letter-spacing: .06em; text-transform: uppercase; color: var(--soft);
      margin: 1.75rem 0 .6rem }
    h3 { font-size: 1rem }
    code { font: .86em ui-monospace, monospace }
    svg rect { fill: var(--sea) } svg path { fill: none; stroke: var(--paper); stroke-width: 2.4; stroke-linecap: round }
    .pill { border-radius: 1rem; padding: .1rem .65rem; font-size: .8rem; font-weight: 600; white-space: nowrap;
      background: var(--warn-ground); color: var(--warn) }
    .pill.running, .pill.live { background: var(--good-ground); color: var(--good) }
    .pill.stalled, .pill.stopped, .pill.blocked, .pill.failed, .pill.needs_repair { background: var(--bad-ground); color: var(--bad) }
    progress { width: 7rem; height: .6rem; accent-color: var(--sea) }
    .bad { color: var(--bad); font-weight: 600 }
    .tiles { display: grid; grid-template-columns: repeat(4, 1fr); gap: .75rem; margin-top: 1.25rem }
    .tile, .card, table, .attention li { background: var(--paper); border: 1px solid var(--line);
      border-radius: .65rem }
    .tile { padding: .7rem .9rem } .tile span { display: block; color: var(--soft); font-size: .82rem;
      font-weight: 400 } .tile b { font-size: 1.45rem; font-weight: 600; line-height: 1.3 }
    .attention ul { list-style: none; padding: 0; display: grid; gap: .6rem }
    .attention li { padding: .7rem 1rem; border-left: .3rem solid var(--bad) }
    .advice { color: var(--soft) }
    .cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(25rem, 100%), 1fr)); gap: .75rem }
    .card { padding: .85rem 1rem } .top { display: flex; justify-content: space-between; gap: .5rem }
    .ends { color: var(--soft); margin-bottom: .5rem } .ends i { color: var(--sea); font-style: normal;
      font-weight: 700; padding: 0 .2rem }
    dl { display: grid; grid-template-columns: 3rem repeat(4, 1fr); border-top: 1px solid var(--line);
      padding: .4rem 0; gap: .25rem; align-items: end } dt { color: var(--soft); align-self: center }
    dd { color: var(--soft); font-size: .78rem; line-height: 1.3 } dd b { display: block; white-space: nowrap; color: var(--ink);
      font-size: .98rem } .stuck dt, .stuck dd:nth-of-type(1) b { color: var(--bad) }
    .foot { border-top: 1px solid var(--line); padding-top: .45rem }
    table { width: 100%; border-collapse: separate; border-spacing: 0 }
    th { text-align: left; font-size: .78rem; font-weight: 500; color: var(--soft) }
    th, td { padding: .45rem 1rem; vertical-align: baseline }
    th, td b, .number { overflow-wrap: break-word } td time { white-space: nowrap }
    td[data-head="Record"] { min-width: 8rem }
    td { border-top: 1px solid var(--line) } .number { text-align: right }
    footer { margin-top: 1.75rem } a { color: var(--sea) } .none { color: var(--soft) }
    button { font: inherit; font-size: .8rem; white-space: nowrap; padding: .15rem .7rem; border: 1px solid var(--line); border-radius: .45rem;
      background: var(--ground); color: var(--ink); cursor: pointer } button:hover { border-color: var(--sea) }
    .top .pill { margin-left: auto } .acts { display: inline-flex; gap: .35rem } .note { color: var(--warn);
      font-size: .85rem }
    figure { margin: 0 0 .4rem } .spark { width: 100%; height: 1.6rem; display: block }
    .spark polyline { fill: none; stroke: var(--sea); stroke-width: 1.5; vector-effect: non-scaling-stroke }
    figcaption { color: var(--soft); font-size: .75rem }
    .story { max-width: 68rem; margin: 0 auto; padding: 0 1.25rem 3rem } .story ul { margin-top: .7rem;
      padding-left: 1.1rem } form { display: flex; flex-wrap: wrap; gap: .6rem; align-items: end }
    label { color: var(--soft); font-size: .82rem } input, select { font: inherit; display: block; color: var(--ink);
      background: var(--paper); border: 1px solid var(--line); border-radius: .45rem; padding: .25rem .5rem }
    form button { padding: .3rem 1rem; font-size: .95rem }
    dialog { border: 1px solid var(--line); border-radius: .65rem; background: var(--paper); color: var(--ink);
      margin: auto; padding: 1.2rem; max-width: min(44rem, 94vw) } dialog h2 { margin-top: 0 }
    dialog .acts { display: flex; flex-wrap: wrap; margin-top: .8rem } dialog table { border: 0 }
    #told { position: fixed; right: 1rem; bottom: 1rem; max-width: 26rem; padding: .6rem 1rem; border-radius: .5rem;
      background: var(--ink); color: var(--paper) }
    #lost { position: fixed; inset: auto 0 0; padding: .6rem 1rem; text-align: center; background: var(--bad-ground);
      color: var(--bad); font-weight: 600 }
    @media (max-width: 40rem) {
      main { padding: 1rem .8rem 1.5rem } .tiles { grid-template-columns: 1fr 1fr; gap: .5rem }
      thead { display: none } tr { display: block; padding: .5rem .9rem } tr + tr { border-top: 1px solid var(--line) }
      td, td.number { display: flex; align-items: baseline; justify-content: space-between; gap: 1rem; border: 0; padding: .12rem 0;
        text-align: right }
      td::before { content: attr(data-head); color: var(--soft); flex: none }
      dl { grid-template-columns: 3.4fr 3fr 3fr 4.4fr } dt { grid-column: 1 / -1 }
    }

    """

  /// Listens for what is new while somebody looks, sends what the buttons say, and asks for a record's story. What is told is
  /// put in as text, never as markup; the events are the page's own markup, made where the page is.
  static let script: HTML = """

    const lost = document.getElementById("lost"), told = document.getElementById("told");
    let events, hush;
    function listen() {
      if (events) events.close();
      if (document.hidden) return;
      events = new EventSource("/events");
      events.onmessage = event => {
        const page = new DOMParser().parseFromString("<main>" + event.data + "</main>", "text/html");
        document.querySelector("main").replaceWith(page.querySelector("main"));
        document.title = "Tidemark: " + document.querySelector("header .pill").textContent;
        lost.hidden = true;
      };
      events.onerror = () => { lost.hidden = false; };
    }
    function tell(text) {
      told.textContent = text; told.hidden = false;
      clearTimeout(hush); hush = setTimeout(() => { told.hidden = true; }, 6000);
    }
    async function ask(path, method, content) {
      const answer = await fetch(location.origin + path, { method, body: content && JSON.stringify(content), headers: { "X-Tidemark": "page" }, cache: "no-store" });
      const body = answer.status === 204 ? {} : await answer.json();
      if (!answer.ok) throw new Error(body.detail || answer.statusText);
      return body;
    }
    document.addEventListener("click", async event => {
      const button = event.target.closest("button[data-path]");
      if (!button || button.dataset.ask && !confirm(button.dataset.ask)) return;
      button.disabled = true;
      try { await ask(button.dataset.path, button.dataset.method); tell(button.textContent + ": done."); listen(); }
      catch (error) { tell(error.message); }
      button.disabled = false;
    });
    const shown = document.getElementById("conflict");
    async function show(id) {
      try {
        const conflict = await ask("/api/v1/conflicts/" + id, "GET");
        const text = value => value === null || value === undefined ? "(none)" : JSON.stringify(value);
        shown.dataset.id = id;
        shown.querySelector("h2").textContent =
          conflict.link + " " + conflict.key + ", " + (conflict.field || "the whole record") + ": " + conflict.state;
        for (const cell of shown.querySelectorAll("td")) cell.textContent = text(conflict[cell.dataset.of]);
        for (const button of shown.querySelectorAll("button[data-use]")) {
          const isUndo = button.dataset.use === "undo";
          button.hidden = button.dataset.use !== "close" &&
            (isUndo ? conflict.policy !== "decided" : conflict.state !== "open");
        }
        shown.querySelector("input").hidden = conflict.state !== "open" || !conflict.field;
        shown.querySelector("[data-use=value]").hidden = shown.querySelector("input").hidden;
        shown.showModal();
      } catch (error) { tell(error.message); }
    }
    document.addEventListener("click", event => {
      const button = event.target.closest("button[data-conflict]");
      if (button) show(button.dataset.conflict);
    });
    if (shown) shown.addEventListener("click", async event => {
      const use = event.target.closest("button[data-use]")?.dataset.use;
      if (!use) return;
      shown.close();
      if (use === "close") return;
      const input = shown.querySelector("input");
      let value = input.value;
      try { value = JSON.parse(value); } catch { /* a text may be written without quotes */ }
      input.value = "";
      const path = "/api/v1/conflicts/" + shown.dataset.id + (use === "undo" ? "/undo" : "/resolve");
      try {
        await ask(path, "POST", use === "undo" ? undefined : use === "value" ? { value } : { use });
        tell("It is written as soon as both sides are looked at again.");
      } catch (error) { tell(error.message); }
    });
    const form = document.getElementById("ask");
    if (form) form.addEventListener("submit", async event => {
      event.preventDefault();
      const asked = new FormData(form), list = document.getElementById("story");
      const path = ["/api/v1/links", asked.get("link"), "records", asked.get("key")];
      let lines;
      try { lines = (await ask(path.map((part, place) => place ? encodeURIComponent(part) : part).join("/"), "GET")).lines; }
      catch (error) { lines = [error.message]; }
      list.replaceChildren(...lines.map(line => {
        const item = document.createElement("li");
        item.textContent = line;
        return item;
      }));
    });
    document.addEventListener("visibilitychange", listen);
    listen();

    """
}
