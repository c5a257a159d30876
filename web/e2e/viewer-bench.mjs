// @ts-nocheck: what it puts into the page is typed nowhere
// How fast a long series is on the screen: from navigation to the first image, and how many different images a second are really drawn while a wheel turns as fast as
// the screen does; in our viewer and in OHIF, one after the other. Started by tools/bench_viewer; prints one JSON object a line. Times are measured, they decide nothing.
import { readdirSync, readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { chromium } from 'playwright-core';

const [origin = '', name = '', password = '', study = '', slices = '600', label = ''] = process.argv.slice(2);
const total = Number(slices);
const patience = 600_000;

// In the page: notes when a picture reaches a canvas that fits `selector`, and which picture: a hash over its middle rows.
function watchCanvas(selector) {
  const seen = { first: null, touched: false };
  const draw = CanvasRenderingContext2D.prototype.drawImage;
  const put = CanvasRenderingContext2D.prototype.putImageData;
  const note = (canvas) => { if (canvas.isConnected && canvas.matches(selector)) { seen.touched = true; seen.canvas = canvas; } };
  CanvasRenderingContext2D.prototype.drawImage = function (...rest) { const out = draw.apply(this, rest); note(this.canvas); return out; };
  CanvasRenderingContext2D.prototype.putImageData = function (...rest) { const out = put.apply(this, rest); note(this.canvas); return out; };
  const look = () => {
    const { canvas } = seen;
    const rows = canvas.getContext('2d').getImageData(0, canvas.height >> 1, canvas.width, 3).data;
    let hash = 0;
    let lit = 0;
    for (let i = 0; i < rows.length; i += 4) { hash = (hash * 31 + rows[i]) | 0; if (rows[i] > 40) lit += 1; }
    return lit * 12 > rows.length / 4 ? hash : null;   // null: nothing of a patient to be seen
  };
  const tick = () => {
    if (seen.touched && seen.first === null && look() !== null) seen.first = performance.now();
    requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
  window.bench = {
    first: () => seen.first,
    // Turns the wheel by one notch a screen, back at the ends. `target` takes the events.
    scroll: (target, seconds, notches) => new Promise((resolve) => {
      const element = document.querySelector(target);
      const began = performance.now();
      let drawn = 0;
      let screens = 0;
      let last = look();
      let done = 0;
      let way = 1;
      const turn = () => {
        const now = performance.now();
        if (seen.touched) {
          seen.touched = false;
          const hash = look();
          if (hash !== null && hash !== last) drawn += 1;
          if (hash !== null) last = hash;
        }
        if (now - began > seconds * 1000) { resolve({ images_per_s: drawn / ((now - began) / 1000), screens_per_s: screens / ((now - began) / 1000) }); return; }
        screens += 1;
        done += 1;
        if (done >= notches) { way = -way; done = -notches; }
        element.dispatchEvent(new WheelEvent('wheel', { deltaY: way * 100, deltaMode: 0, bubbles: true, cancelable: true }));
        requestAnimationFrame(turn);
      };
      requestAnimationFrame(turn);
    }),
  };
}

// Resident memory of the largest renderer that descends from this process.
function rendererMiB() {
  const parents = new Map();
  let most = 0;
  for (const pid of readdirSync('/proc').filter((one) => /^\d+$/.test(one))) {
    try { parents.set(pid, /\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1]); } catch { /* gone */ }
  }
  for (const pid of parents.keys()) {
    let up = pid;
    while (up && up !== '1' && up !== String(process.pid)) up = parents.get(up);
    if (up !== String(process.pid)) continue;
    try {
      if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('--type=renderer')) continue;
      most = Math.max(most, Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024);
    } catch { /* gone */ }
  }
  return Math.round(most);
}

const say = (what) => console.log(JSON.stringify({ series: label, ...what, load: Math.round(loadavg()[0] * 10) / 10 }));
const browser = await chromium.launch({ executablePath: process.env.ACESO_CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'], headless: true });

async function visit(selector) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB', reducedMotion: 'reduce' });
  const page = await context.newPage();
  page.setDefaultTimeout(patience);
  await page.goto(origin);
  await page.locator('input[autocomplete=username]').fill(name);
  await page.locator('input[autocomplete=current-password]').fill(password);
  await page.locator('button[type=submit]').click();
  await page.locator('#content').waitFor();
  let frames = 0;
  page.on('requestfinished', (request) => { if (/\/frames\/\d+$/.test(request.url())) frames += 1; });
  await page.addInitScript(watchCanvas, selector);
  return { context, page, frames: () => frames };
}
const first = (page) => page.waitForFunction(() => window.bench?.first() ?? null, undefined, { timeout: patience, polling: 20 }).then((handle) => handle.jsonValue());
async function loaded(visitor, limit = 300) {   // every frame is here, or nothing more comes
  for (let calm = 0, before = -1, n = 0; n < limit && visitor.frames() < total && calm < 20; n += 1) { calm = visitor.frames() === before ? calm + 1 : 0; before = visitor.frames(); await new Promise((resolve) => { setTimeout(resolve, 500); }); }
}

async function ours() {
  const visitor = await visit('.stack-stage canvas');
  const { page } = visitor;
  const address = `${origin}/studies/${study.replaceAll('.', '-')}`;
  await page.goto(address, { waitUntil: 'commit' });
  const ms = await first(page);
  const cold = await page.evaluate(() => window.bench.scroll('.stack-stage', 6, 250));
  say({ viewer: 'aceso', first_image_ms: Math.round(ms), loading_images_per_s: cold.images_per_s, screens_per_s: cold.screens_per_s, loaded_at_end: visitor.frames() });
  const began = Date.now();
  await loaded(visitor);
  const warm = await page.evaluate(() => window.bench.scroll('.stack-stage', 6, 250));
  say({ viewer: 'aceso', loaded: visitor.frames(), rest_s: (Date.now() - began) / 1000, loaded_images_per_s: warm.images_per_s, screens_per_s: warm.screens_per_s, renderer_MiB: rendererMiB() });
  // The program is there already: what a reader waits for who goes from study to study.
  await page.goto(address, { waitUntil: 'commit' });
  say({ viewer: 'aceso', again_first_image_ms: Math.round(await first(page)) });
  await page.locator('.stack-stage').focus();
  const at = Date.now();
  await page.keyboard.press('v');
  await page.locator('.plane-stage').first().waitFor();
  await page.waitForFunction(() => [...document.querySelectorAll('.plane-stage canvas')].filter((canvas) => canvas.width > 50).length >= 3, undefined, { timeout: patience });
  const planes_s = (Date.now() - at) / 1000;
  const each = await page.evaluate(async () => {
    const out = {};
    for (const plane of ['axial', 'coronal', 'sagittal']) {
      const stage = document.querySelector(`[data-plane=${plane}]`);
      const start = performance.now();
      for (let i = 0; i < 60; i += 1) { stage.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowDown', bubbles: true })); await new Promise((resolve) => { requestAnimationFrame(resolve); }); }
      out[plane] = Math.round(60_000 / (performance.now() - start));
    }
    return out;
  });
  say({ viewer: 'aceso', planes_s, planes_per_s: each, renderer_MiB: rendererMiB() });
  await visitor.context.close();
}

async function ohif() {
  const visitor = await visit('canvas.cornerstone-canvas');
  const { page } = visitor;
  await page.goto(`${origin}/ohif/viewer?StudyInstanceUIDs=${study}`, { waitUntil: 'commit' });
  const ms = await first(page);
  for (const button of ['Skip all', 'Confirm and hide']) await page.getByText(button, { exact: true }).first().click();
  const cold = await page.evaluate(() => window.bench.scroll('canvas.cornerstone-canvas', 6, 250));
  say({ viewer: 'ohif', first_image_ms: Math.round(ms), loading_images_per_s: cold.images_per_s, screens_per_s: cold.screens_per_s, loaded_at_end: visitor.frames() });
  const began = Date.now();
  await loaded(visitor);
  const warm = await page.evaluate(() => window.bench.scroll('canvas.cornerstone-canvas', 6, 250));
  say({ viewer: 'ohif', loaded: visitor.frames(), rest_s: (Date.now() - began) / 1000, loaded_images_per_s: warm.images_per_s, screens_per_s: warm.screens_per_s, renderer_MiB: rendererMiB() });
  await page.goto(`${origin}/ohif/viewer?StudyInstanceUIDs=${study}`, { waitUntil: 'commit' });
  say({ viewer: 'ohif', again_first_image_ms: Math.round(await first(page)) });
  await visitor.context.close();
}

const which = process.env.ACESO_BENCH_VIEWERS ?? 'aceso,ohif';
if (which.includes('aceso')) await ours();
if (which.includes('ohif')) await ohif();
await browser.close();
