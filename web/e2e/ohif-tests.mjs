// What the node's models wrote into studies, in OHIF: the segmentation lies over its slices, measurements are listed, pictures are shown.
import { check, test, until } from './harness.mjs';

/** @param {{ name: string, password: string, studies: { volume: string, picture: string } }} options */
export function ohifTests({ name, password, studies }) {
  const open = async (visit, study) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn(name, password);
    if ((await page.evaluate(async () => (await fetch('/ohif/', { method: 'HEAD' })).status)) !== 200) {
      console.log('        skipped: OHIF is not installed here (./dev setup --with ohif)');
      return null;
    }
    await page.goto(`${visitor.origin}/ohif/viewer?StudyInstanceUIDs=${study}`);
    const canvas = page.locator('canvas.cornerstone-canvas').first();
    await canvas.waitFor();
    for (const button of ['Skip all', 'Confirm and hide']) await page.getByText(button, { exact: true }).first().click();
    await until(async () => (await look(page)).lit > 0.02, 'the study is drawn');
    return visitor;
  };
  const series = (page, modality) => page.locator('[data-cy=study-browser-thumbnail], [data-cy=study-browser-thumbnail-no-image]').filter({ has: page.getByText(modality, { exact: true }) });
  // Of the picture on the screen: how much is lit, and where it has colour.
  const look = (page) => page.evaluate(() => {
    const canvas = /** @type {HTMLCanvasElement} */ (document.querySelector('canvas.cornerstone-canvas'));
    const { width, height } = canvas;
    const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
    const coloured = [];
    let lit = 0;
    for (let i = 0; i < data.length; i += 4) {
      const [r, g, b] = [data[i], data[i + 1], data[i + 2]];
      if (r > 40 || g > 40 || b > 40) lit += 1;
      if (Math.max(r, g, b) - Math.min(r, g, b) > 40) coloured.push(i / 4);
    }
    return { width, height, lit: lit / (width * height), coloured };
  });
  // Masks of the study's segmentation by the number of the image they lie on, straight from the archive.
  const masksOf = (page, study) => page.evaluate(async (uid) => {
    const get = async (path) => (await fetch(`/dicom-web/studies/${uid}${path}`, { headers: { Accept: 'application/dicom+json' } })).json();
    const all = await get('/series');
    const of = (modality) => all.find((one) => one['00080060'].Value[0] === modality)['0020000E'].Value[0];
    const numbers = new Map((await get(`/series/${of('CT')}/metadata`)).map((one) => [one['00080018'].Value[0], one['00200013'].Value[0]]));
    const [segmentation] = await get(`/series/${of('SEG')}/metadata`);
    const [rows, columns] = [segmentation['00280010'].Value[0], segmentation['00280011'].Value[0]];
    const out = [];
    for (const [n, group] of segmentation['52009230'].Value.entries()) {
      const image = group['00089124'].Value[0]['00082112'].Value[0]['00081155'].Value[0];
      const bytes = new Uint8Array(await (await fetch(`/dicom-web/studies/${uid}/series/${of('SEG')}/instances/${segmentation['00080018'].Value[0]}/frames/${n + 1}`, { headers: { Accept: 'application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1' } })).arrayBuffer());
      const points = [];
      for (let i = 0; i < rows * columns; i += 1) if ((bytes[i >> 3] >> (i & 7)) & 1) points.push(i);
      out.push({ number: Number(numbers.get(image)), rows, columns, points });
    }
    return { masks: out, label: segmentation['00620002'].Value[0]['00620005'].Value[0] };
  }, study);

  test('ohif: the segmentation of a model lies over its slices, with its label', async (visit) => {
    const visitor = await open(visit, studies.volume);
    if (!visitor) return;
    const { page } = visitor;
    check((await look(page)).coloured.length === 0, 'a CT alone is grey');
    await series(page, 'SEG').first().dblclick();
    await page.getByText('Do you want to open this Segmentation?').waitFor();
    await page.getByText('Yes', { exact: true }).click();
    const { masks, label } = await masksOf(page, studies.volume);
    const most = masks.reduce((best, one) => (one.points.length > best.points.length ? one : best));
    // To the slice with most of it: images are numbered in the corner.
    const shown = async () => Number(/I:\s*(\d+)/.exec((await page.locator('[data-cy=viewport-overlay-bottom-right]').textContent()) ?? '')?.[1]);
    const box = await page.locator('canvas.cornerstone-canvas').first().boundingBox();
    check(box !== null, 'the picture is there');
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    for (let n = 0; n < 70 && (await shown()) !== most.number; n += 1) {
      const before = await shown();
      await page.mouse.wheel(0, before < most.number ? 120 : -120);
      await until(async () => (await shown()) !== before, 'the wheel turns slices');
    }
    let seen = await look(page);
    await until(async () => { seen = await look(page); return seen.coloured.length > 200; }, 'the mask is drawn');
    // The image fills the height (or width) of the stage from its middle: where each pixel of the mask is on the screen.
    const scale = Math.min(seen.width / most.columns, seen.height / most.rows);
    const coloured = new Set(seen.coloured);
    const near = new Set();
    let covered = 0;
    for (const point of most.points) {
      const x = Math.round(seen.width / 2 + ((point % most.columns) + 0.5 - most.columns / 2) * scale);
      const y = Math.round(seen.height / 2 + (Math.floor(point / most.columns) + 0.5 - most.rows / 2) * scale);
      if (coloured.has(y * seen.width + x)) covered += 1;
      for (let dy = -4; dy <= 4; dy += 1) for (let dx = -4; dx <= 4; dx += 1) near.add((y + dy) * seen.width + x + dx);
    }
    const outside = seen.coloured.filter((at) => !near.has(at)).length;
    console.log(`        ${Math.round((100 * covered) / most.points.length)} % of ${most.points.length} pixels of the mask have its colour, ${outside} of ${seen.coloured.length} coloured pixels lie elsewhere`);
    check(covered > 0.85 * most.points.length, 'where the mask is there is colour');
    check(outside < 0.02 * seen.coloured.length, 'where it is not there is none');
    await page.locator('[data-cy=panelSegmentation-btn]').click();
    await page.getByText(label, { exact: true }).first().waitFor();
    await visitor.shot('ohif-segmentation');
  });

  // Numbers of the study's report as the archive has them, by the meaning of their names.
  const numbersOf = (page, study) => page.evaluate(async (uid) => {
    const get = async (path) => (await fetch(`/dicom-web/studies/${uid}${path}`, { headers: { Accept: 'application/dicom+json' } })).json();
    const report = (await get('/series')).find((one) => one['00080060'].Value[0] === 'SR');
    const [object] = await get(`/series/${report['0020000E'].Value[0]}/metadata`);
    const out = {};
    const walk = (items) => { for (const item of items ?? []) { if (item['0040A040']?.Value[0] === 'NUM') out[item['0040A043'].Value[0]['00080104'].Value[0]] = Number(item['0040A300'].Value[0]['0040A30A'].Value[0]); walk(item['0040A730']?.Value); } };
    walk(object['0040A730'].Value);
    return out;
  }, study);

  for (const [kind, study, name_] of /** @type {[string, string, string][]} */ ([['volume', studies.volume, 'Volume'], ['picture', studies.picture, 'Probability']])) {
    test(`ohif: the measurements of a model of a ${kind} are shown at their place and listed`, async (visit) => {
      const visitor = await open(visit, study);
      if (!visitor) return;
      const { page } = visitor;
      const numbers = await numbersOf(page, study);
      check(name_ in numbers, `the report has ${name_}: ${JSON.stringify(numbers)}`);
      await series(page, 'SR').first().dblclick();
      await page.getByText('Do you want to continue tracking measurements for this study?').waitFor();
      const words = async () => (await page.locator('svg text').allTextContents()).join(' ');
      let said = '';
      await until(async () => { said = await words(); return said.includes(`${name_}: ${numbers[name_].toFixed(2)}`); }, `${name_} ${numbers[name_]} stands over the image`).catch((error) => { throw new Error(`${error.message}: ${said}`); });
      await visitor.shot(`ohif-report-${kind}`);
      await page.getByText('Yes', { exact: true }).click();
      const panel = page.locator('[data-cy=trackedMeasurements-btn]');
      await panel.click();
      await page.getByText(kind === 'volume' ? 'Measurements (2)' : 'Measurements (1)').waitFor();
      await page.getByText('AI, not for primary diagnosis.', { exact: true }).first().waitFor();
      if (kind === 'volume') await page.getByText('AI, not for primary diagnosis. The box around what was drawn on this image.').first().waitFor();
      await visitor.shot(`ohif-measurements-${kind}`);
    });
  }

  test('ohif: pictures of results are shown, a map of influence in colour', async (visit) => {
    const visitor = await open(visit, studies.picture);
    if (!visitor) return;
    const { page } = visitor;
    check((await look(page)).coloured.length === 0, 'a radiograph is grey');
    const pictures = series(page, 'OT');
    const count = await pictures.count();
    check(count > 0, 'a picture of the result is listed');
    for (let n = 0; n < count; n += 1) {
      await pictures.nth(n).dblclick();
      await until(async () => (await look(page)).lit > 0.05, 'the picture is drawn');
    }
    if (count < 2) { console.log('        the map of influence failed its checks: there is no picture of it'); return; }
    await until(async () => { const seen = await look(page); return seen.coloured.length > 0.05 * seen.width * seen.height; }, 'the map is in colour');
    await visitor.shot('ohif-map');
  });
}
