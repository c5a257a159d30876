// A series in the list of a study's: picture, description, number of images.
import { Text, UnstyledButton } from '@mantine/core';
import { FileText } from 'lucide-react';
import type { Series } from '../../api/dicomweb';
import { useI18n } from '../../i18n';
import { count } from '../../lib/format';
import { isLooked } from './looked';
import { Thumbnail } from './Thumbnail';

export function SeriesCard({ study, series, active, open }: { study: string; series: Series; active: boolean; open: () => void }) {
  const { t, maybe, language } = useI18n();
  return (
    <UnstyledButton className="series-card" aria-current={active} onClick={open}>
      {isLooked(series) || series.modality === 'SEG' ? <Thumbnail study={study} series={series.uid} /> : <div className="thumbnail" aria-hidden="true"><FileText size={20} strokeWidth={1.5} /></div>}
      <div>
        <Text size="sm" fw={550} className="break">{series.description || maybe('modalities', series.modality) || t('study.unnamedSeries')}</Text>
        <Text size="xs" c="dimmed" className="num">{[series.modality, series.number === null ? '' : t('study.seriesNumber', { n: series.number }), series.bodyPart].filter(Boolean).join(' · ')}</Text>
        <Text size="xs" c="dimmed" className="num">{t('study.images', { count: count(series.instances, language) })}</Text>
      </div>
    </UnstyledButton>
  );
}
