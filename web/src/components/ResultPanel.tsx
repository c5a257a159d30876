// A prediction as people should read it: the finding, its probability against the threshold, and how far to trust that.
import { Alert, Badge, Box, Divider, Group, Paper, Progress, Stack, Text, Title } from '@mantine/core';
import { CircleSlash, OctagonX, TriangleAlert } from 'lucide-react';
import type { BoxAnswer, LabelAnswer, NumberAnswer, OutlineAnswer, Prediction } from '../api/types';
import { useI18n } from '../i18n';
import { colorOfBox, extentOf, readFound, readMarks, scoreText } from '../lib/boxes';
import { count, measured, percent, probability as shown } from '../lib/format';
import { colorOf, readExpectedDice, sizeOf } from '../lib/outlines';
import { describeCalibration, findingOf, isPositive, isSeveral, nearThreshold, readable, readCalibration, readFamiliarity, readMembers, readNumberInterval, readSet, isApplicable } from '../lib/uncertainty';
import { IconArray, ProbabilityScale } from './ProbabilityScale';

export function ResultPanel({ prediction }: { prediction: Prediction }) {
  if (!isApplicable(prediction)) return <NotApplicable prediction={prediction} />;
  if (prediction.number) return <Measured prediction={prediction} number={prediction.number} />;
  if (prediction.labels) return <Labelled prediction={prediction} labels={prediction.labels} />;
  if (prediction.boxes) return <Boxed prediction={prediction} answer={prediction.boxes} />;
  return prediction.outlines ? <Outlined prediction={prediction} outlines={prediction.outlines} /> : <Answer prediction={prediction} />;
}

// A number, and the interval that holds the truth with the coverage stated.
function Measured({ prediction, number }: { prediction: Prediction; number: NumberAnswer }) {
  const { t, language } = useI18n();
  const range = readNumberInterval(prediction.uncertainty);
  return (
    <Paper p="lg" component="section" aria-labelledby="result-title" data-testid="measured">
      <Stack gap="md">
        <div aria-live="polite">
          <Title order={2} id="result-title" fz="sm" fw={400} c="dimmed">{readable(number.name)}</Title>
          <Text className="num big-number" data-testid="number">{measured(number.value, number.unit)}</Text>
        </div>
        <Warnings prediction={prediction} />
        <Divider />
        <Box>
          <Title order={3} mb={6}>{t('uncertainty.title')}</Title>
          {range
            ? <Text size="sm">{t('targets.interval', { coverage: percent(range.coverage, 0), low: measured(range.low, number.unit), high: measured(range.high, number.unit), cases: count(range.cases, language) })}</Text>
            : <Text size="sm">{t('uncertainty.missing')}</Text>}
          <Limits prediction={prediction} />
        </Box>
      </Stack>
    </Paper>
  );
}

// Each label on its own, those that hold first; beside each what validation cases with such a score turned out to be.
function Labelled({ prediction, labels }: { prediction: Prediction; labels: LabelAnswer[] }) {
  const { t } = useI18n();
  const held = labels.filter((label) => label.positive);
  return (
    <Paper p="lg" component="section" aria-labelledby="result-title" data-testid="labelled">
      <Stack gap="md">
        <div aria-live="polite">
          <Title order={2} id="result-title">{held.length > 0 ? t('diagnose.suggests', { finding: held.map((label) => readable(label.label)).join(', ') }) : t('targets.none')}</Title>
          <Text size="sm" c="dimmed" mt={4}>{t('targets.each')}</Text>
        </div>
        {[...labels].sort((a, b) => Number(b.positive) - Number(a.positive) || b.probability - a.probability).map((label) => {
          const calibration = readCalibration(label.uncertainty);
          const words = describeCalibration(calibration, label.probability, readable(label.label), false, t);
          return (
            <Box key={label.label} data-testid="label">
              <Group justify="space-between" mb={4}>
                <Group gap="xs"><Text fw={600}>{readable(label.label)}</Text><Badge variant="light" color={label.positive ? 'orange' : 'gray'} tt="none">{t(label.positive ? 'targets.holds' : 'targets.holdsNot')}</Badge></Group>
                <Text className="num" fw={600}>{shown(label.probability)}</Text>
              </Group>
              <ProbabilityScale probability={label.probability} threshold={label.threshold} positive={label.positive} observed={calibration} />
              <Text size="sm" c="dimmed" mt={4}>{words[0]}</Text>
            </Box>
          );
        })}
        <Warnings prediction={prediction} />
        <Limits prediction={prediction} />
      </Stack>
    </Paper>
  );
}

// Each box with its score, its size, and how often marks with such a score lay on a finding.
function Boxed({ prediction, answer }: { prediction: Prediction; answer: BoxAnswer }) {
  const { t, language } = useI18n();
  const found = readFound(prediction.uncertainty);
  const labels = [...new Set(answer.boxes.map((box) => readable(box.label)))];
  const best = [...answer.largest].sort((a, b) => b.score - a.score)[0];
  return (
    <Paper p="lg" component="section" aria-labelledby="result-title" data-testid="boxed">
      <Stack gap="md">
        <div aria-live="polite">
          <Title order={2} id="result-title">{answer.boxes.length > 0 ? t('boxes.found', { finding: labels.join(', ') }) : t('boxes.nothing')}</Title>
          <Text size="sm" c="dimmed" mt={4}>{answer.boxes.length > 0 ? t('boxes.count', { n: answer.boxes.length, threshold: scoreText(answer.threshold) }) : t('boxes.nothingText', { threshold: scoreText(answer.threshold), best: scoreText(best?.score ?? 0) })}</Text>
        </div>
        {answer.boxes.map((box, index) => {
          const marks = readMarks(box.uncertainty);
          const extent = extentOf(box);
          return (
            <div key={index} data-testid="box">
              <Group justify="space-between">
                <Group gap="xs"><span className="outline-swatch" style={{ background: colorOfBox(answer, box) }} aria-hidden /><Text fw={600}>{readable(box.label)}</Text></Group>
                <Text className="num" fw={600}>{scoreText(box.score)}</Text>
              </Group>
              <Text size="sm" c="dimmed">{t(extent.mm ? 'boxes.mm' : 'boxes.pixels', { size: extent.text })}{box.low.length === 3 ? ` · ${t('boxes.slices', { from: Math.floor(box.low[0] ?? 0) + 1, to: Math.ceil(box.high[0] ?? 0) })}` : ''}</Text>
              <Text size="sm">{marks ? t('boxes.marks', { n: count(marks.marks, language), hits: count(marks.hits, language), from: scoreText(marks.from), to: scoreText(marks.to), low: percent(marks.low, 0), high: percent(marks.high, 0) }) : t('uncertainty.missing')}{marks?.outside ? ` ${t('boxes.outside')}` : ''}</Text>
            </div>
          );
        })}
        <Warnings prediction={prediction} />
        <Divider />
        <Box>
          <Title order={3} mb={6}>{t('uncertainty.title')}</Title>
          <Text size="sm">{found ? t('boxes.validation', { images: count(found.images, language), found: count(found.found, language), findings: count(found.findings, language), wrong: (found.wrong / found.images).toFixed(2) }) : t('uncertainty.missing')}</Text>
          <Limits prediction={prediction} />
        </Box>
      </Stack>
    </Paper>
  );
}

// What was drawn, how large it is, and how good such drawings were on validation cases.
function Outlined({ prediction, outlines }: { prediction: Prediction; outlines: OutlineAnswer }) {
  const { t, language } = useI18n();
  const found = outlines.regions.filter((region) => region.points > 0);
  const expected = readExpectedDice(prediction.uncertainty);
  const volume = outlines.shape.length === 3;
  return (
    <Paper p="lg" component="section" aria-labelledby="result-title" data-testid="outlined">
      <Stack gap="md">
        <div aria-live="polite">
          <Title order={2} id="result-title">{found.length > 0 ? t('outlines.found', { finding: found.map((region) => readable(region.label)).join(', ') }) : t('outlines.nothing')}</Title>
          {found.length === 0 && <Text size="sm" c="dimmed" mt={4}>{t('outlines.nothingText')}</Text>}
        </div>
        {outlines.regions.map((region, index) => region.points > 0 && (
          <div key={region.label}>
            <Group gap="xs"><span className="outline-swatch" style={{ background: colorOf(index) }} aria-hidden /><Text fw={600}>{readable(region.label)}</Text></Group>
            <Text className="num" fz={22} fw={600} data-testid="outline-size">{sizeOf(region) ?? t(volume ? 'outlines.voxels' : 'outlines.pixels', { n: count(region.points, language) })}</Text>
            <Text size="sm" c="dimmed">
              {sizeOf(region) ? `${t(volume ? 'outlines.voxels' : 'outlines.pixels', { n: count(region.points, language) })} · ` : ''}{t('outlines.parts', { n: region.parts })} · {t('outlines.mean', { value: shown(region.mean_probability) })}
            </Text>
            <Text size="sm" c="dimmed">{t('outlines.doubtful', { share: percent(region.doubtful, 0) })}</Text>
          </div>
        ))}
        {outlines.spacing_mm === null && found.length > 0 && <Text size="sm" c="dimmed">{t('outlines.noSpacing')}</Text>}
        {outlines.contours === null && found.length > 0 && !volume && <Text size="sm" c="dimmed">{t('outlines.tooMany')}</Text>}
        {volume && <Text size="sm" c="dimmed">{t('outlines.volume')}</Text>}
        <Warnings prediction={prediction} />
        <Divider />
        <Box>
          <Title order={3} mb={6}>{t('uncertainty.title')}</Title>
          {expected ? (
            <>
              <Text size="sm">{t('outlines.expected', { cases: count(expected.cases, language), median: expected.median.toFixed(2), low: expected.low.toFixed(2), high: expected.high.toFixed(2) })}</Text>
              {expected.outside && <Text size="sm" fw={550} mt={4}>{t('outlines.outside')}</Text>}
              <Text size="xs" c="dimmed" mt={4}>{t('outlines.dice')}</Text>
            </>
          ) : <Text size="sm">{t('uncertainty.missing')}</Text>}
          <Limits prediction={prediction} />
        </Box>
      </Stack>
    </Paper>
  );
}

// No number stands here: whatever the network computes on such an input means nothing.
function NotApplicable({ prediction }: { prediction: Prediction }) {
  const { t } = useI18n();
  return (
    <Paper p="lg" component="section" aria-labelledby="result-title" data-testid="not-applicable">
      <Group gap="sm" wrap="nowrap" align="flex-start" aria-live="polite">
        <CircleSlash size={28} aria-hidden className="no-shrink" />
        <div>
          <Title order={2} id="result-title">{t('applicability.no')}</Title>
          <Text size="sm" mt={4}>{t('applicability.noText')}</Text>
        </div>
      </Group>
      <Stack component="ul" gap={6} mt="md" pl="lg">{(prediction.reasons ?? []).map((reason) => <Text component="li" key={reason} size="sm" fw={550}>{reason}</Text>)}</Stack>
      <Warnings prediction={prediction} />
    </Paper>
  );
}

function Warnings({ prediction }: { prediction: Prediction }) {
  const { t } = useI18n();
  const warnings = prediction.warnings ?? [];
  if (prediction.recalled) return <Alert color="red" icon={<OctagonX size={16} />} title={t('diagnose.recalled')} mt="md">{t('diagnose.recalledText', { time: prediction.recalled.time.slice(0, 10) })} {prediction.recalled.reason}</Alert>;
  if (warnings.length === 0) return null;
  return (
    <Alert color="yellow" icon={<TriangleAlert size={16} />} title={t('diagnose.warnings')} mt="md">
      <Stack gap={4}>{warnings.map((warning) => <Text key={warning} size="sm">{warning}</Text>)}</Stack>
    </Alert>
  );
}

// Which classes remain at the stated coverage, and whether the image is one the model knows.
function Limits({ prediction }: { prediction: Prediction }) {
  const { t } = useI18n();
  const set = readSet(prediction.uncertainty);
  const familiarity = readFamiliarity(prediction.uncertainty);
  const members = readMembers(prediction.uncertainty);
  if (!set && !familiarity && !members) return null;
  const unit = prediction.number?.unit;
  const said = (value: number) => (prediction.number ? measured(value, unit) : shown(value));
  return (
    <Stack gap={8} mt="sm">
      {set && (
        <div>
          <Group gap={6}>
            <Text size="sm">{t('applicability.set', { coverage: percent(set.coverage, 0) })}</Text>
            {set.classes.map((name) => <Badge key={name} variant="light" color={set.classes.length === 1 ? 'blue' : 'yellow'} tt="none">{readable(name)}</Badge>)}
            {set.classes.length === 0 && <Badge variant="light" color="red" tt="none">{t('applicability.setNone')}</Badge>}
          </Group>
          <Text size="xs" c="dimmed">{t(set.classes.length === 1 ? 'applicability.setOne' : set.classes.length === 0 ? 'applicability.setEmpty' : 'applicability.setMany')}</Text>
        </div>
      )}
      {members && <Text size="sm" data-testid="members">{t('targets.members', { count: members.count, low: said(members.low), high: said(members.high) })}</Text>}
      {familiarity && <Text size="sm" fw={familiarity === 'unusual' ? 600 : undefined} data-testid="familiarity">{t(`applicability.${familiarity}`)}</Text>}
    </Stack>
  );
}

function Answer({ prediction }: { prediction: Prediction }) {
  const { t } = useI18n();
  const probability = prediction.probability ?? 0;
  const several = isSeveral(prediction);
  const threshold = several ? null : prediction.threshold ?? 0.5;
  const finding = readable(findingOf(prediction));
  const positive = isPositive(prediction);
  const calibration = readCalibration(prediction.uncertainty);
  const words = describeCalibration(calibration, probability, finding, several, t);
  const hits = calibration ? Math.round(calibration.observed * 100) : 0;
  const outputs = prediction.outputs ?? [];
  return (
    <Paper p="lg" component="section" aria-labelledby="result-title">
      <Stack gap="md">
        <div aria-live="polite">
          <Text size="sm" c="dimmed">{t('diagnose.probabilityOf', { finding })}</Text>
          <Group align="baseline" gap="sm" mt={2}>
            <Text span className="num big-number" c={positive ? 'var(--aceso-positive)' : 'var(--aceso-negative)'} data-testid="probability">{shown(probability)}</Text>
            <Title order={2} id="result-title">{t(positive ? 'diagnose.suggests' : 'diagnose.suggestsNot', { finding })}</Title>
          </Group>
        </div>
        <ProbabilityScale probability={probability} threshold={threshold} positive={positive} observed={calibration} />
        {threshold !== null && nearThreshold(probability, threshold) && <Text size="sm" fw={550}>{t('diagnose.nearThreshold')}</Text>}
        <Warnings prediction={prediction} />
        <Divider />
        <Box>
          <Title order={3} mb={6}>{t('uncertainty.title')}</Title>
          {words.map((line, index) => <Text key={line} size="sm" c={index === 0 ? undefined : 'dimmed'} mt={index === 0 ? 0 : 4}>{line}</Text>)}
          <Limits prediction={prediction} />
          {calibration && (
            <Box mt="sm">
              <IconArray hits={hits} label={several ? t('uncertainty.chartTop', { hits }) : t('uncertainty.chart', { hits, finding })} />
              <Text size="xs" c="dimmed" mt={4}>{several ? t('uncertainty.chartCaptionTop', { hits }) : t('uncertainty.chartCaption', { hits, finding })}</Text>
            </Box>
          )}
        </Box>
        {several && (
          <>
            <Divider />
            <Box>
              <Title order={3} mb={6}>{t('diagnose.allOutputs')}</Title>
              <Stack gap={8}>
                {[...outputs].sort((a, b) => b.probability - a.probability).map((output) => (
                  <div key={output.label}>
                    <Group justify="space-between"><Text size="sm">{readable(output.label)}</Text><Text size="sm" className="num">{shown(output.probability)}</Text></Group>
                    <Progress size={5} value={output.probability * 100} aria-label={readable(output.label)} />
                  </div>
                ))}
              </Stack>
            </Box>
          </>
        )}
      </Stack>
    </Paper>
  );
}
