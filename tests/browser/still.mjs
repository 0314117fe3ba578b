// A page without a script: does it open, fit, and stay quiet?
import { scenario } from "./browser.mjs";

await scenario(async (page, given) => {
  await page.screenshot({ path: `${given.shots}/page.png`, fullPage: true });
  return {
    wide: await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth),
    headings: await page.$$eval("h2", (all) => all.map((e) => e.textContent)),
    broken: await page.$$eval("img", (all) => all.filter((e) => !e.complete || !e.naturalWidth).length),
    background: await page.evaluate(() => getComputedStyle(document.body).backgroundColor),
  };
});
