// Opens a page in Chromium without a network, runs a scenario, and prints what it returns as JSON.
import { chromium } from "playwright-core";

export async function scenario(play) {
  const given = JSON.parse(process.argv[2]);
  const browser = await chromium.launch({
    executablePath: given.chromium,
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  });
  const context = await browser.newContext({
    viewport: { width: given.width ?? 1100, height: given.height ?? 900 },
    colorScheme: given.dark ? "dark" : "light",
    reducedMotion: given.still ? "reduce" : "no-preference",
    offline: true,
  });
  const page = await context.newPage();
  const errors = [], requests = [];
  page.on("console", (m) => ["error", "warning"].includes(m.type()) && errors.push(m.text()));
  page.on("pageerror", (e) => errors.push(String(e)));
  page.on("request", (r) => !/^(file|data|blob|about):/.test(r.url()) && requests.push(r.url()));
  try {
    await page.goto(given.page);
    const seen = await play(page, given);
    console.log(JSON.stringify({ ...seen, errors, requests }));
  } finally {
    await browser.close();
  }
}
