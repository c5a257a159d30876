// The archive's pages against a node that holds a real CT: what the mock node invents is decoded and measured here, and OHIF opens it.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { check, equal, test, until } from './harness.mjs';

/** @param {{ name: string, password: string, ct: string }} options */
export function archiveTests({ name, password, ct }) {
  const files = readdirSync(ct).filter((file) => file.endsWith('.dcm')).sort();
  const open = async (visit, options = {}) => {
    const visitor = await visit(options);
    await visitor.signIn(name, password);
    await visitor.go('/studies');
    await visitor.page.getByLabel('Patient', { exact: true }).fill('lung_dx');
    await visitor.page.getByRole('status').getByText('Matching studies: 1', { exact: true }).waitFor();
    await visitor.page.locator('tbody a.row-link').click();
    await visitor.page.locator('.stack-stage[data-ready=true]').waitFor();
    return visitor;
  };

  test('archive: a CT is found, opened, scrolled and measured in Hounsfield units', async (visit) => {
    const visitor = await open(visit);
    const { page } = visitor;
    const stage = page.locator('.stack-stage');
    await page.getByTestId('stack-position').getByText(`of ${files.length}`, { exact: false }).waitFor();
    for (const [edge, letter] of [['left', 'R'], ['right', 'L'], ['top', 'A'], ['bottom', 'P']]) equal(await page.locator(`.edge-${edge}`).textContent(), letter, edge);
    await stage.focus();
    await page.keyboard.press('2');
    await until(async () => (await page.getByTestId('stack-window').textContent())?.startsWith('W 1500 L -600'), 'the lung preset');
    // The corner of the picture is outside of the patient: air, or what the scanner fills it with.
    await page.keyboard.press('r');
    const box = await stage.boundingBox();
    check(box !== null, 'the stage is there');
    await page.mouse.move(box.x + box.width * 0.36, box.y + box.height * 0.5);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.4, box.y + box.height * 0.55, { steps: 3 });
    await page.mouse.up();
    const words = (await page.getByTestId('measurements').textContent()) ?? '';
    const mean = Number(/Mean (-?[\d.]+) HU/.exec(words)?.[1]);
    check(mean < -600 && mean > -1000, `lung in the middle slice: ${words}`);
    await visitor.shot('archive-ct');
    await page.keyboard.press('Home');
    for (let i = 0; i < files.length - 1; i += 1) await page.keyboard.press('ArrowDown');
    await until(async () => (await stage.getAttribute('data-index')) === String(files.length - 1) && (await stage.getAttribute('data-ready')) === 'true', 'the last slice is shown');
    await visitor.axe('study');
  });

  test('archive: the CT in three planes, which follow a cross-hair and the wheel', async (visit) => {
    const visitor = await open(visit);
    const { page } = visitor;
    await page.locator('.stack-stage').focus();
    const started = Date.now();
    await page.keyboard.press('v');
    await page.locator('.plane-stage').first().waitFor();
    console.log(`        ${files.length} images into three planes in ${Date.now() - started} ms`);
    await page.locator('[data-plane=axial]').focus();
    await page.keyboard.press('2');
    // Where the lungs are wide the coronal plane is black on either side of a bright middle, and the spine lies behind in the sagittal one.
    const greys = (name) => page.evaluate((plane) => {
      const canvas = /** @type {HTMLCanvasElement} */ (document.querySelector(`[data-plane=${plane}] canvas`));
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      const seen = new Set();
      let lit = 0;
      for (let i = 0; i < data.length; i += 4) { seen.add(data[i]); if (data[i] > 30) lit += 1; }
      return { greys: seen.size, lit: lit / (data.length / 4) };
    }, name);
    for (const name of ['axial', 'coronal', 'sagittal']) await until(async () => { const seen = await greys(name); return seen.greys > 200 && seen.lit > 0.2; }, `the ${name} plane is drawn`);
    const before = await page.getByTestId('plane-position-axial').textContent();
    const box = await page.locator('[data-plane=coronal]').boundingBox();
    check(box !== null, 'a stage');
    await page.mouse.click(box.x + box.width * 0.36, box.y + box.height * 0.45);
    await until(async () => (await page.getByTestId('plane-position-axial').textContent()) !== before, 'the axial plane follows');
    const value = Number(/(-?[\d.]+) HU/.exec((await page.getByTestId('planes-cross').textContent()) ?? '')?.[1]);
    check(value < -500 && value > -1024, `lung under the cross-hair: ${value}`);
    await visitor.shot('archive-planes');
    // How long a plane takes to follow: an upper bound for one step, drawing and all.
    await page.locator('[data-plane=coronal]').focus();
    const each = await page.evaluate(async () => {
      const stage = /** @type {HTMLElement} */ (document.querySelector('[data-plane=coronal]'));
      const began = performance.now();
      for (let i = 0; i < 30; i += 1) { stage.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowDown', bubbles: true })); await new Promise((resolve) => { requestAnimationFrame(() => resolve(undefined)); }); }
      return (performance.now() - began) / 30;
    });
    console.log(`        ${each.toFixed(0)} ms from one coronal plane to the next`);
    await visitor.axe('planes of a CT');
  });

  test('archive: a file that is there already is taken, a torn one and a letter are refused by name', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn(name, password);
    await visitor.go('/studies');
    await page.getByRole('button', { name: 'Import images' }).first().click();
    const dialog = page.getByRole('dialog', { name: 'Import images' });
    const bytes = readFileSync(join(ct, files[0] ?? ''));
    const torn = Buffer.from(bytes.subarray(0, 4000));
    await dialog.locator('input[type=file]').setInputFiles([{ name: 'slice.dcm', mimeType: 'application/dicom', buffer: bytes }, { name: 'torn.dcm', mimeType: 'application/dicom', buffer: torn }, { name: 'letter.txt', mimeType: 'text/plain', buffer: Buffer.from('words') }]);
    await dialog.getByText('Files stored: 1. Studies: 1.').waitFor();
    await dialog.getByText('Refused files: 2').waitFor();
    await dialog.getByRole('row', { name: /letter\.txt/ }).waitFor();
    await visitor.shot('archive-import');
  });

  test('archive: OHIF opens the study, scrolls it and is not blank', async (visit) => {
    const visitor = await open(visit);
    const { page } = visitor;
    const status = await page.evaluate(async () => (await fetch('/ohif/', { method: 'HEAD' })).status);
    const link = page.getByRole('link', { name: 'Open in OHIF' });
    if (status !== 200) {
      equal(await link.count(), 0, 'links to a viewer that is not installed');
      await page.goto(`${visitor.origin}/ohif/viewer`);
      await page.getByText('./dev setup --with ohif').waitFor();
      console.log('        skipped: OHIF is not installed here (./dev setup --with ohif)');
      return;
    }
    await link.waitFor();
    await page.goto(visitor.origin + ((await link.getAttribute('href')) ?? ''));
    const canvas = page.locator('canvas.cornerstone-canvas').first();
    await canvas.waitFor();
    // How many greys, and how much of the picture is neither black nor one colour.
    const look = async () => {
      const png = (await page.screenshot({ clip: (await canvas.boundingBox()) ?? undefined })).toString('base64');
      return page.evaluate(async (data) => {
        const image = new Image();
        image.src = `data:image/png;base64,${data}`;
        await image.decode();
        const copy = document.createElement('canvas');
        [copy.width, copy.height] = [image.width, image.height];
        const context = copy.getContext('2d');
        context.drawImage(image, 0, 0);
        const pixels = context.getImageData(0, 0, copy.width, copy.height).data;
        const greys = new Map();
        let sum = 0;
        for (let i = 0; i < pixels.length; i += 4) if (pixels[i] === pixels[i + 1] && pixels[i] === pixels[i + 2]) { greys.set(pixels[i], (greys.get(pixels[i]) ?? 0) + 1); sum = (sum * 31 + pixels[i]) % 1_000_003; }
        return { greys: greys.size, lit: [...greys].filter(([grey]) => grey > 40).reduce((all, [, n]) => all + n, 0) / (pixels.length / 4), sum };
      }, png);
    };
    for (const button of ['Skip all', 'Confirm and hide']) {
      await page.getByText(button, { exact: true }).first().click();
    }
    let first = await look();
    await until(async () => { first = await look(); return first.greys > 60 && first.lit > 0.05; }, 'the study is drawn');
    const box = await canvas.boundingBox();
    check(box !== null, 'the picture is there');
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    for (let i = 0; i < 12; i += 1) await page.mouse.wheel(0, 120);
    await until(async () => { const now = await look(); return now.sum !== first.sum && now.greys > 60 && now.lit > 0.05; }, 'scrolling shows another slice');
    await visitor.shot('archive-ohif');
  });
}
