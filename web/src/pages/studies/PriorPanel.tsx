// An earlier study of the patient beside the present one.
import { ActionIcon, Group, Select, Switch, Text, Tooltip } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { X } from 'lucide-react';
import { useState } from 'react';
import { dicomweb } from '../../api/dicomweb';
import type { Study } from '../../api/types';
import { ErrorState, ListSkeleton } from '../../components/feedback';
import type { Link } from '../../components/viewer/link';
import { useI18n } from '../../i18n';
import { dicomDate } from '../../lib/dicom';
import { isLooked } from './looked';
import { SeriesView } from './SeriesView';

interface Props { prior: Study; modality: string; link: Link | undefined; linked: boolean; setLinked: (linked: boolean) => void; close: () => void }

export function PriorPanel({ prior, modality, link, linked, setLinked, close }: Props) {
  const { t, language } = useI18n();
  const [picked, setPicked] = useState<string | null>(null);
  const query = useQuery({ queryKey: ['series', prior.study_uid], queryFn: ({ signal }) => dicomweb.series(prior.study_uid, signal) });
  const series = query.data ?? [];
  const seen = series.filter(isLooked);
  const chosen = seen.find((one) => one.uid === picked) ?? seen.find((one) => one.modality === modality) ?? seen[0];
  return (
    <section className="prior" aria-label={t('study.prior')}>
      <Group gap="xs" mb={6} wrap="nowrap">
        <Text size="sm" fw={600} className="nowrap">{t('study.prior')} · {dicomDate(prior.date, language)}</Text>
        <Select size="xs" flex="1 1 100px" miw={0} aria-label={t('study.seriesOfPrior')} data={seen.map((one) => ({ value: one.uid, label: [one.modality, one.number ?? '', one.description].filter(Boolean).join(' · ') }))} value={chosen?.uid ?? null} onChange={setPicked} />
        <Switch size="xs" label={t('study.linked')} checked={linked} onChange={(event) => setLinked(event.currentTarget.checked)} className="nowrap" />
        <Tooltip label={t('study.closePrior')}><ActionIcon variant="subtle" color="gray" aria-label={t('study.closePrior')} onClick={close}><X size={16} /></ActionIcon></Tooltip>
      </Group>
      <div className="prior-stage">
        {query.isPending && <ListSkeleton />}
        {query.error && <ErrorState error={query.error} retry={() => void query.refetch()} />}
        {chosen && <SeriesView key={chosen.uid} study={prior} series={chosen} all={series} link={link} />}
        {query.data && !chosen && <Text size="sm" c="dimmed">{t('stack.none')}</Text>}
      </div>
    </section>
  );
}
