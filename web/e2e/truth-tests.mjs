// What became known of a case later: given, changed, withdrawn on the page of a prediction, and chosen where verdicts are exported.
import { check, test } from './harness.mjs';
import { password } from './mock-server/data.mjs';
import { phantom } from './mock-server/phantom.mjs';

export function truthTests(mock) {
  const open = async (visit, options = {}) => {
    const visitor = await visit(options);
    await visitor.signIn('admin', password);
    await visitor.go('/diagnose?model=lung-nodule-ct@1');
    await visitor.page.locator('input[type=file]').setInputFiles({ name: 'phantom.png', mimeType: 'image/png', buffer: phantom({ seed: 12, size: 256, nodule: 'spiculated' }) });
    await visitor.page.getByTestId('probability').waitFor();
    const [prediction] = mock.state.predictions;
    await visitor.go(`/predictions/${prediction.id}`);
    return { visitor, prediction };
  };

  test('truth: pathology is given beside the verdict, changed and withdrawn, and nothing is lost', async (visit) => {
    const { visitor, prediction } = await open(visit);
    const panel = visitor.page.getByTestId('truth');
    await panel.getByText('Nothing yet', { exact: false }).waitFor();
    const give = async (label, comment) => {
      await panel.getByRole('button', { name: 'Add' }).click();
      await panel.getByLabel('Finding').selectOption(label);
      await panel.getByLabel('Date of the report').fill('2026-01-31');
      await panel.getByLabel('Where it comes from').fill('pathology department');
      await panel.getByLabel('Comment').fill(comment);
      await panel.getByRole('button', { name: 'Save' }).click();
    };
    const other = prediction.model.classes.find((name) => name !== prediction.finding);
    await give(other, 'biopsy');
    await panel.getByText('the model said something else', { exact: false }).waitFor();
    await give(prediction.finding, 'resection');
    await panel.getByText('the model said the same', { exact: false }).waitFor();
    await panel.getByText('Earlier revisions: 1').click();
    await panel.getByText('biopsy', { exact: false }).waitFor();
    await visitor.shot('truth');
    await visitor.axe('truth of a prediction');
    await panel.getByRole('button', { name: 'Withdraw' }).click();
    await panel.getByLabel('Comment').fill('another patient’s report');
    await panel.getByRole('button', { name: 'Withdraw' }).click();
    await panel.getByText('Withdrawn', { exact: true }).waitFor();
    check((await panel.getByText('Earlier revisions: 2').count()) === 1, 'both revisions are kept');
  });

  test('truth: the form and the export in Chinese, in the dark', async (visit) => {
    const { visitor } = await open(visit, { language: 'zh', scheme: 'dark' });
    const panel = visitor.page.getByTestId('truth');
    await panel.getByRole('button', { name: '添加' }).click();
    await visitor.shot('truth-form-zh');
    await visitor.axe('truth form');
    await visitor.go('/predictions');
    await visitor.page.getByRole('button', { name: /导出/ }).first().click();
    const dialog = visitor.page.getByRole('dialog');
    await dialog.getByLabel('标签来源').selectOption('pathology,verdict');
    await visitor.axe('export with sources of labels');
  });
}
