// A graph too large to draw whole: its overview, and the boxes drawn at first.
import { scenario } from "./browser.mjs";

await scenario(async (page) => {
  await page.waitForSelector("body[data-ready]");
  const first = await page.$$eval("#graph .name", (all) => all.map((e) => e.textContent));
  await page.click("#overview > summary");
  const overview = await page.$$eval("#overview text", (all) => all.map((e) => e.textContent.trim()).filter((t) => /^layer\d$/.test(t)).sort());
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  return { first, overview, wide };
});
