import { Button, Box } from '@mantine/core';
import { Compass } from 'lucide-react';
import { Link } from 'wouter';
import { EmptyState } from '../components/feedback';
import { useI18n } from '../i18n';

export function NotFound({ start }: { start: string }) {
  const { t } = useI18n();
  return (
    <Box className="page">
      <EmptyState icon={Compass} title={t('app.notFound')} text={t('app.notFoundText')} action={<Button component={Link} href={start}>{t('app.home')}</Button>} />
    </Box>
  );
}
