import { Group, Modal, Skeleton, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { api } from '../api/endpoints';
import { ErrorState } from '../components/feedback';
import { Logo } from '../components/Logo';
import { useI18n } from '../i18n';

export function AboutModal({ opened, close }: { opened: boolean; close: () => void }) {
  const { t } = useI18n();
  const about = useQuery({ queryKey: ['about'], queryFn: api.about, enabled: opened });
  return (
    <Modal opened={opened} onClose={close} title={t('app.about')} closeButtonProps={{ 'aria-label': t('common.close') }}>
      <Stack>
        <Group><Logo size={40} /><div><Text fw={600}>Aceso</Text><Text size="sm" c="dimmed">{t('app.tagline')}</Text></div></Group>
        {about.isPending && <Skeleton height={60} />}
        {about.error && <ErrorState error={about.error} />}
        {about.data && (
          <dl className="definition">
            <dt>{t('common.version')}</dt><dd>{about.data.version}</dd>
            {about.data.build && <><dt>{t('app.build')}</dt><dd>{about.data.build}</dd></>}
            <dt>{t('app.engines')}</dt>
            <dd>{(about.data.engines ?? []).map((engine) => (typeof engine === 'string' ? engine : [engine.name, engine.version].filter(Boolean).join(' '))).join(', ') || t('common.none')}</dd>
          </dl>
        )}
        <Text size="sm">{t('app.researchLong')}</Text>
      </Stack>
    </Modal>
  );
}
