// Everything a learner does with the stepper.
import { scenario } from "./browser.mjs";

const text = (page, id) => page.locator(`#${id}`).innerText();
const rows = (page) => page.$$eval("#rows tr", (trs) => trs.map((tr) => [...tr.children].map((c) => c.textContent)));
const numbers = (page) => page.evaluate(() => {
  const { data, sheet } = window.stepper;
  return Object.fromEntries(data.nodes.map((n) => [n.name, { value: sheet.now[n.value], gradient: n.gradient === null ? null : sheet.now[n.gradient] }]));
});

await scenario(async (page, given) => {
  await page.waitForSelector("body[data-ready]");
  const seen = { title: await page.title(), complete: await page.evaluate(() => window.stepper.sheet.complete) };
  const last = await page.evaluate(() => window.stepper.data.events.length);
  seen.heads = [];
  for (let k = 0; k < last; k++) {
    await page.click("#step");
    seen.heads.push([await text(page, "head"), await text(page, "lines")]);
  }
  seen.end = await rows(page);
  seen.stepDisabled = await page.locator("#step").isDisabled();
  await page.click("#back");
  seen.back = await text(page, "count");
  await page.click("#graph");
  await page.keyboard.press("Home");
  seen.home = await text(page, "count");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowLeft");
  seen.keys = await text(page, "count");
  await page.locator("#scrub").fill(String(last - 1));
  seen.scrub = await text(page, "count");
  seen.recorded = await numbers(page);
  if (given.set) {
    await page.locator(`#inputs input[type=number], #others input[type=number]`).first().fill(String(given.set));
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    seen.changed = await numbers(page);
    await page.click("#end");
    seen.changedRows = await rows(page);
    seen.changedUpdate = await text(page, "lines");
    await page.click("#reset");
    seen.reset = await numbers(page);
  }
  if (given.dragBox) {
    const box = page.locator(".node.parameter rect, .node.input rect").first();
    await box.scrollIntoViewIfNeeded();
    const b = await box.boundingBox();
    await page.mouse.move(b.x + b.width / 2, b.y + b.height / 2);
    await page.mouse.down();
    await page.mouse.move(b.x + b.width / 2 + 40, b.y + b.height / 2, { steps: 4 });
    await page.mouse.up();
    seen.dragged = await numbers(page);
    await page.click("#reset");
  }
  await page.click("#predict");
  seen.asked = await text(page, "asked");
  seen.verdicts = [];
  for (const answer of given.answers ?? []) {
    await page.fill("#given", answer);
    await page.keyboard.press("Enter");
    seen.verdicts.push(await text(page, "verdict"));
  }
  seen.truth = await page.evaluate(() => window.stepper.predict.answer);
  await page.fill("#given", String(seen.truth));
  await page.keyboard.press("Enter");
  seen.right = await text(page, "verdict");
  seen.wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  seen.background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  seen.unlabelled = await page.$$eval("button, input", (all) => all.filter((e) => !(e.textContent.trim() || e.getAttribute("aria-label") || (e.id && document.querySelector(`label[for="${e.id}"]`)))).map((e) => e.outerHTML));
  seen.worksheet = await page.evaluate(() => document.getElementById("worksheet").textContent);
  await page.emulateMedia({ media: "print" });
  seen.printed = await page.locator("#worksheet").isVisible();
  await page.emulateMedia({ media: "screen" });
  await page.screenshot({ path: `${given.shots}/page.png`, fullPage: true });
  return seen;
});
