// Small things used on several pages.
import { ActionIcon, Badge, CopyButton, Group, SegmentedControl, Text, Tooltip, useMantineColorScheme, type MantineColorScheme } from '@mantine/core';
import { Check, Copy, FlaskConical } from 'lucide-react';
import type { JobState, ModelShare, Stage } from '../api/types';
import { useI18n } from '../i18n';
import { shortHash, type Language } from '../lib/format';

export function ResearchBadge({ size = 'md' }: { size?: 'sm' | 'md' | 'lg' }) {
  const { t } = useI18n();
  return <Badge color="yellow" size={size} leftSection={<FlaskConical size={12} aria-hidden />}>{t('app.researchOnly')}</Badge>;
}

const stageColor: Record<Stage, string> = { candidate: 'blue', shadow: 'violet', live: 'aceso', retired: 'gray', recalled: 'red' };
export function StageBadge({ stage }: { stage: Stage }) {
  const { maybe } = useI18n();
  return <Badge color={stageColor[stage] ?? 'gray'}>{maybe('models.stages', stage)}</Badge>;
}

// What share of the requests a version gets beside the live one.
export function ShareBadge({ share }: { share: ModelShare | null | undefined }) {
  const { t } = useI18n();
  if (!share) return null;
  const text = t(share.mode === 'canary' ? 'models.shareCanary' : 'models.shareShadow', { percent: Number(share.percent.toFixed(4)) });
  return <Badge color={share.mode === 'canary' ? 'orange' : 'violet'} variant="outline" title={t(share.mode === 'canary' ? 'models.shareCanaryHelp' : 'models.shareShadowHelp')}>{text}</Badge>;
}

const stateColor: Record<JobState, string> = { queued: 'gray', running: 'blue', succeeded: 'aceso', failed: 'red', cancelled: 'gray' };
export function StateBadge({ state }: { state: JobState }) {
  const { maybe } = useI18n();
  return <Badge color={stateColor[state] ?? 'gray'} variant={state === 'running' ? 'dot' : 'light'}>{maybe('training.states', state)}</Badge>;
}

export function Hash({ value, full = false }: { value: string | null | undefined; full?: boolean }) {
  const { t } = useI18n();
  if (!value) return <Text span size="sm" c="dimmed">–</Text>;
  return (
    <Group gap={4} wrap="nowrap" component="span" display="inline-flex">
      <span className={full ? 'mono break' : 'mono nowrap'} title={value}>{full ? value : shortHash(value)}</span>
      <CopyButton value={value} timeout={1500}>
        {({ copied, copy }) => (
          <Tooltip label={copied ? t('common.copied') : t('common.copy')}>
            <ActionIcon size="sm" variant="subtle" color="gray" onClick={copy} aria-label={`${t('common.copy')} ${shortHash(value)}`}>
              {copied ? <Check size={13} /> : <Copy size={13} />}
            </ActionIcon>
          </Tooltip>
        )}
      </CopyButton>
    </Group>
  );
}

export function LanguageSwitch({ fullWidth = false }: { fullWidth?: boolean }) {
  const { language, setLanguage, t } = useI18n();
  return (
    <SegmentedControl size="xs" fullWidth={fullWidth} aria-label={t('app.language')} value={language} onChange={(value) => setLanguage(value as Language)}
      data={[{ value: 'en', label: <span lang="en">English</span> }, { value: 'zh', label: <span lang="zh-Hans">中文</span> }]} />
  );
}

export function ThemeSwitch({ fullWidth = false }: { fullWidth?: boolean }) {
  const { t } = useI18n();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <SegmentedControl size="xs" fullWidth={fullWidth} aria-label={t('app.theme')} value={colorScheme} onChange={(value) => setColorScheme(value as MantineColorScheme)}
      data={[{ value: 'auto', label: t('app.themeAuto') }, { value: 'light', label: t('app.themeLight') }, { value: 'dark', label: t('app.themeDark') }]} />
  );
}
