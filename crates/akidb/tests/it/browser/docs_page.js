// Presses "Execute" on every operation of the page, from its top to its end, once for each type that
// the body may have, and answers what came of each. It waits for what the page shows, not for time.
(async () => {
  // Far away: what has not come by then never does.
  const FAR_MS = 300_000;
  let giveUp;
  // All that the page does when it fails at a request before it sends it is to say so here.
  const said = [];
  console.error = (...words) => {
    said.push(words.map(String).join(" "));
    giveUp?.(said.join("\n"));
  };
  const until = (what, found) =>
    new Promise((resolve, reject) => {
      const settle = (settled, value) => {
        observer.disconnect();
        clearTimeout(timer);
        giveUp = undefined;
        settled(value);
      };
      const look = () => {
        const value = found();
        if (value) settle(resolve, value);
      };
      const observer = new MutationObserver(look);
      giveUp = why => settle(reject, new Error(`${what}: ${why}`));
      const timer = setTimeout(() => giveUp(`it did not come within ${FAR_MS} ms`), FAR_MS);
      observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
      look();
      if (said.length) giveUp?.(said.join("\n"));
    });

  const execute = async (block, name, media) => {
    const shown = selector => block.querySelector(selector);
    shown(".btn.execute").click();
    // What the page itself finds invalid it marks in its form, and does not send.
    const row = await until(`the answer of ${name}`, () =>
      shown(".live-responses-table tr.response") ?? shown(".parameters .invalid, .opblock-body .invalid"));
    const status = row.querySelector(".response-col_status")?.firstChild.textContent ?? "not sent, invalid";
    const body = row.querySelector(".response-col_description")?.innerText ?? "";
    return { name, media, status, body };
  };

  const results = [];
  await until("the operations", () => document.querySelector(".opblock"));
  for (const block of document.querySelectorAll(".opblock")) {
    const name = block.id.split("-")[2];
    const toggle = () => block.querySelector(".opblock-summary-control").click();
    toggle();
    // "Execute" is there before what it sends is: the form is empty while the operation is resolved.
    await until(`the form of ${name}`, () =>
      block.querySelector(".btn.execute") && !block.querySelector(".opblock-loading-animation"));
    const select = block.querySelector(".opblock-section-request-body select.content-type");
    const types = select ? [...select.options].map(option => option.value) : [null];
    for (const media of types) {
      if (select && select.value !== media) {
        block.querySelector(".btn-clear").click();
        await until(`the form of ${name} without its answer`, () =>
          !block.querySelector(".live-responses-table"));
        select.value = media;
        select.dispatchEvent(new Event("change", { bubbles: true }));
      }
      results.push(await execute(block, name, media));
    }
    // A page with all of them open is slow.
    toggle();
  }
  return results;
})()
