// One prediction: go to the question about a node, answer it, read the verdict.
import { scenario } from "./browser.mjs";

await scenario(async (page, given) => {
  await page.waitForSelector("body[data-ready]");
  await page.click("#predict");
  const asked = await page.evaluate(() => window.stepper.predict.asked.map((i) => window.stepper.data.nodes[i].name));
  for (let k = 0; k < asked.indexOf(given.node); k++) await page.click("#next");
  await page.fill("#given", given.answer);
  await page.keyboard.press("Enter");
  return { asked, question: await page.locator("#asked").innerText(), verdict: await page.locator("#verdict").innerText() };
});
