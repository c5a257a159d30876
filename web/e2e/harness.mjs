// A small runner on playwright-core: tests share one browser, each has a context of its own; nothing waits for a fixed time.
import { readFileSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const patience = 120_000;   // for what must happen: says nothing about speed, only that a busy machine fails nothing
const tests = [];

export function test(name, run) { tests.push({ name, run }); }
export function check(condition, message) { if (!condition) throw new Error(message); }
export function equal(actual, expected, message = 'value') {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) throw new Error(`${message}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`);
}
export async function until(condition, message, limitMs = patience) {
  const end = Date.now() + limitMs;
  while (Date.now() < end) {
    if (await condition()) return;
    await new Promise((resolve) => { setTimeout(resolve, 40); });
  }
  throw new Error(`not within ${limitMs} ms: ${message}`);
}

const shots = process.env.ACESO_E2E_SHOTS ?? '';
if (shots) mkdirSync(shots, { recursive: true });

// What a page did that it must never do: errors, refused styles or scripts, requests to another host.
function watch(page, origin, faults, flying) {
  page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
  page.on('console', (message) => {
    const text = message.text();
    if (/Content Security Policy|Refused to/i.test(text)) faults.push(`policy: ${text}`);
    else if (message.type() === 'error' && !/Failed to load resource/.test(text)) faults.push(`console: ${text}`);
  });
  page.on('request', (request) => {
    if (request.resourceType() !== 'eventsource') flying.add(request);
    if (!request.url().startsWith(origin) && !/^(data|blob|about):/.test(request.url())) faults.push(`request elsewhere: ${request.url()}`);
  });
  for (const end of /** @type {const} */ (['requestfinished', 'requestfailed'])) page.on(end, (request) => flying.delete(request));
}

export class Visitor {
  constructor(context, page, origin, faults, flying) { this.context = context; this.page = page; this.origin = origin; this.faults = faults; this.flying = flying; }

  // What the page before still asked for is nothing to wait for.
  async go(path) { this.flying.clear(); await this.page.goto(this.origin + path, { waitUntil: 'domcontentloaded' }); await this.settled(); }

  // No skeleton or loader left, and pictures drawn.
  async settled() {
    await this.page.waitForFunction(() => document.querySelector('#root > *') !== null && document.querySelectorAll('[role=status][aria-label=Loading], [role=status][aria-label="正在加载"]').length === 0, undefined, { timeout: patience });
    let calm = 0;
    await until(() => { calm = this.flying.size === 0 ? calm + 1 : 0; return calm >= 3; }, 'requests answered', patience);
  }

  async signIn(name, password, code) {
    await this.go('/');
    await this.page.locator('input[autocomplete=username]').fill(name);
    await this.page.locator('input[autocomplete=current-password]').fill(password);
    await this.page.locator('button[type=submit]').click();
    if (code) await this.page.locator('input[autocomplete=one-time-code]').first().pressSequentially(code);
    await this.page.locator('#content').waitFor();
  }

  async axe(label) {
    await this.page.evaluate(axeSource);
    const found = await this.page.evaluate(async () => {
      // Half-drawn transitions have half-blended colours; look at the end of them.
      await Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => undefined)).slice(0, 200).map((done) => Promise.race([done, new Promise((resolve) => { setTimeout(resolve, 1200); })])));
      const result = await /** @type {any} */ (window).axe.run(document, { resultTypes: ['violations'] });
      return result.violations.filter((v) => v.impact === 'serious' || v.impact === 'critical').map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.target.join(' ')} ${(n.any[0] ?? n.all[0] ?? n.none[0])?.message ?? ''}`).join(' | ')}`);
    });
    check(found.length === 0, `axe on ${label}: ${found.join('\n    ')}`);
  }

  async shot(name) { if (shots) await this.page.screenshot({ path: join(shots, `${name}.png`), animations: 'disabled' }); }
}

/** @param {{ origin: string, only?: string, after?: () => void | Promise<void> }} options */
export async function runAll({ origin, only, after }) {
  const browser = await chromium.launch({ executablePath: process.env.ACESO_CHROMIUM ?? '/usr/bin/chromium', args: flags, headless: true });
  let failed = 0;
  let ran = 0;
  const started = Date.now();
  const shared = new Map();
  for (const { name, run } of tests) {
    if (only && !name.includes(only)) continue;
    ran += 1;
    const faults = [];
    const open = [];
    /** @type {Visitor | null} */
    let kept = null;
    const visit = async ({ scheme = 'light', language = 'en', width = 1440, height = 900 } = {}) => {
      const context = await browser.newContext({ viewport: { width, height }, colorScheme: /** @type {'light'|'dark'} */ (scheme), locale: language === 'zh' ? 'zh-CN' : 'en-GB', reducedMotion: 'reduce' });
      open.push(context);
      const page = await context.newPage();
      const flying = new Set();
      page.setDefaultTimeout(patience);
      watch(page, origin, faults, flying);
      return new Visitor(context, page, origin, faults, flying);
    };
    // A visitor that several tests use one after the other: signing in again for each page would tell nothing new.
    visit.shared = async (key, options, prepare) => {
      if (!shared.has(key)) {
        const visitor = await visit(options);
        open.pop();
        await prepare(visitor);
        shared.set(key, visitor);
      }
      const visitor = shared.get(key);
      kept = visitor;
      return visitor;
    };
    // What a shared visitor met, unless it was made by this very test and writes into `faults` already.
    const takeFaults = () => { const own = /** @type {Visitor | null} */ (kept); return own && own.faults !== faults ? own.faults.splice(0) : []; };
    const at = Date.now();
    try {
      await run(visit);
      faults.push(...takeFaults());
      check(faults.length === 0, `the browser complained:\n    ${faults.slice(0, 5).join('\n    ')}`);
      console.log(`ok      ${name} (${Date.now() - at} ms)`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED  ${name}\n    ${error instanceof Error ? error.message : String(error)}`);
      const last = /** @type {Visitor | null} */ (kept)?.page ?? open[open.length - 1]?.pages()[0];
      if (shots && last) await last.screenshot({ path: join(shots, `failed-${ran}.png`) }).catch(() => undefined);
    }
    for (const context of open) await context.close();
    await after?.();
    if (failed === ran && ran === 6) {
      console.log('the first six tests failed: the page does not come up, and the rest would only wait for it');
      break;
    }
  }
  await browser.close();
  console.log(`web e2e: ${ran} tests, ${ran - failed} passed, ${failed} failed in ${((Date.now() - started) / 1000).toFixed(1)} s`);
  return ran > 0 && failed === 0;
}
