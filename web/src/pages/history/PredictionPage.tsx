// One stored prediction, looked at again: image, figures, verdict and its revisions.
import { Box, Button, Group, Paper, Stack, Text, Title } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { ArrowLeft } from 'lucide-react';
import { Link, useParams, useSearch } from 'wouter';
import { api } from '../../api/endpoints';
import { useSession } from '../../app/session';
import { ErrorState, ListSkeleton } from '../../components/feedback';
import { ModelFacts } from '../../components/ModelFacts';
import { TruthPanel } from '../../components/TruthPanel';
import { ResultPanel } from '../../components/ResultPanel';
import { VerdictPanel } from '../../components/VerdictPanel';
import { ImageViewer } from '../../components/viewer/ImageViewer';
import { useI18n } from '../../i18n';
import { boxMarks } from '../../lib/boxes';
import { dateTime } from '../../lib/format';
import { marksOf } from '../../lib/outlines';
import { isApplicable, isHidden } from '../../lib/uncertainty';
import { ReviewBar } from './ReviewBar';

export default function PredictionPage() {
  const { id = '' } = useParams<{ id: string }>();
  const review = new URLSearchParams(useSearch()).get('review');
  const { t, language } = useI18n();
  const { can, session } = useSession();
  const client = useQueryClient();
  const query = useQuery({ queryKey: ['prediction', id], queryFn: () => api.prediction(id) });
  const model = query.data?.model;
  // Under review nobody is told what the model found before they have said what they see.
  const verdicts = useQuery({ queryKey: ['verdicts', id], queryFn: () => api.verdicts(id), enabled: review !== null });
  const blind = review !== null && can('feedback:write') && !verdicts.data?.items.some((item) => item.author === session?.user.id);
  const detail = useQuery({ queryKey: ['model', model?.name, model?.version], queryFn: () => api.model(model!.name, model!.version), enabled: model !== undefined && model.classes === undefined && can('models:read') });
  if (query.isPending) return <Box className="page"><ListSkeleton /></Box>;
  if (query.error) return <Box className="page"><ErrorState error={query.error} retry={() => void query.refetch()} /></Box>;
  const prediction = query.data;
  const marks = isHidden(prediction) ? [] : [...marksOf(prediction.outlines), ...boxMarks(prediction.boxes)];
  const classes = prediction.labels || prediction.number || prediction.boxes ? [] : prediction.model.classes ?? detail.data?.card.classes ?? [];
  return (
    <Box className="page-wide">
      {review && can('feedback:write') && <ReviewBar model={review} version={prediction.model.version} current={id} />}
      <div className="diagnose-head">
        <Group justify="space-between" mb="sm" gap="sm">
          <Group gap="sm">
            <Button component={Link} href="/predictions" variant="subtle" color="gray" px="xs" leftSection={<ArrowLeft size={16} aria-hidden />}>{t('history.title')}</Button>
            <Title order={1}>{t('diagnose.result')}</Title>
          </Group>
          <Text size="sm" c="dimmed">{dateTime(prediction.created, language)}{prediction.created_by ? ` · ${prediction.created_by}` : ''}</Text>
        </Group>
        <ModelFacts name={prediction.model.name} version={prediction.model.version} stage={prediction.model.stage} hash={prediction.model.hash} intendedUse={prediction.model.intended_use} engine={prediction.model.engine} />
      </div>
      <div className="diagnose-grid">
        <div className="diagnose-stage">
          <ImageViewer source={api.predictionImage(prediction.id)} marks={marks} overlay={<div className="viewer-badge"><span>{t('app.researchOnly')}</span><span className="plain">{prediction.model.name} v{prediction.model.version}</span></div>} />
        </div>
        <Stack gap="md">
          {isHidden(prediction) || blind ? <Text size="sm" c="dimmed">{t('diagnose.hiddenText')}</Text> : <ResultPanel prediction={prediction} />}
          {isApplicable(prediction) && <VerdictPanel prediction={prediction} classes={classes} blind={blind} onRevealed={(fresh) => client.setQueryData(['prediction', id], fresh)} />}
          {!isHidden(prediction) && !blind && <Paper p="md"><TruthPanel prediction={prediction.id} /></Paper>}
        </Stack>
      </div>
    </Box>
  );
}
