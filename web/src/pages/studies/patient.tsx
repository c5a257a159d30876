// Who a study is of, in a line and in a banner.
import { Text } from '@mantine/core';
import type { Study } from '../../api/types';
import { useI18n, type Translate } from '../../i18n';
import { ageAt } from '../../lib/dicom';

// Modalities that hospitals have (PS3.3 C.7.3.1.1.1); the names are in the dictionaries.
export const modalityCodes = ['CT', 'MR', 'CR', 'DX', 'MG', 'US', 'XA', 'RF', 'NM', 'PT', 'OP', 'OPT', 'ES', 'SM', 'ECG', 'IO', 'PX', 'OT', 'SC', 'SR', 'SEG', 'PR', 'KO', 'DOC', 'RTSTRUCT', 'RTDOSE', 'RTPLAN'];

export function ageText(study: Study, t: Translate): string {
  const age = ageAt(study.patient.age, study.patient.birth_date, study.date);
  if (!age) return '';
  const n = age.value;
  return age.unit === 'Y' ? t('studies.years', { n }) : age.unit === 'M' ? t('studies.months', { n }) : age.unit === 'W' ? t('studies.weeks', { n }) : t('studies.days', { n });
}

export function PatientLine({ study }: { study: Study }) {
  const { t, maybe } = useI18n();
  const parts = [study.patient.id, study.patient.sex ? maybe('studies.sexes', study.patient.sex) : '', ageText(study, t)].filter(Boolean);
  return <Text size="xs" c="dimmed" className="num nowrap">{parts.length ? parts.join(' · ') : t('studies.noId')}</Text>;
}
