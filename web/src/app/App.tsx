// Which page for which address; what the role may not open is not there.
import { Center, Loader, Modal, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, type ComponentType } from 'react';
import { Redirect, Route, Switch, useLocation } from 'wouter';
import { api } from '../api/endpoints';
import type { Scope } from '../api/types';
import { ErrorState } from '../components/feedback';
import { Logo } from '../components/Logo';
import { useI18n } from '../i18n';
import { NotFound } from '../pages/NotFound';
import { Entrance } from '../pages/Entrance';
import { SetupForm } from '../pages/SetupForm';
import { SignInForm } from '../pages/SignInForm';
import { Shell } from './Shell';
import { useSession } from './session';

interface PageRoute { path: string; scope: Scope; page: ComponentType }
const routes: PageRoute[] = [
  { path: '/diagnose', scope: 'predictions:create', page: lazy(() => import('../pages/diagnose/DiagnosePage')) },
  { path: '/predictions', scope: 'predictions:read', page: lazy(() => import('../pages/history/HistoryPage')) },
  { path: '/predictions/:id', scope: 'predictions:read', page: lazy(() => import('../pages/history/PredictionPage')) },
  { path: '/worklist', scope: 'archive:read', page: lazy(() => import('../pages/worklist/WorklistPage')) },
  { path: '/studies', scope: 'archive:read', page: lazy(() => import('../pages/studies/StudiesPage')) },
  { path: '/studies/:uid', scope: 'archive:read', page: lazy(() => import('../pages/studies/StudyPage')) },
  { path: '/patients', scope: 'archive:read', page: lazy(() => import('../pages/patients/PatientsPage')) },
  { path: '/patients/:uid', scope: 'archive:read', page: lazy(() => import('../pages/patients/PatientPage')) },
  { path: '/modality-worklist', scope: 'archive:read', page: lazy(() => import('../pages/scheduling/SchedulingPage')) },
  { path: '/models', scope: 'models:read', page: lazy(() => import('../pages/models/ModelsPage')) },
  { path: '/models/:name/:version', scope: 'models:read', page: lazy(() => import('../pages/models/ModelPage')) },
  { path: '/datasets', scope: 'datasets:read', page: lazy(() => import('../pages/datasets/DatasetsPage')) },
  { path: '/datasets/:name', scope: 'datasets:read', page: lazy(() => import('../pages/datasets/DatasetPage')) },
  { path: '/labelling', scope: 'predictions:read', page: lazy(() => import('../pages/labelling/LabellingPage')) },
  { path: '/labelling/:id', scope: 'predictions:read', page: lazy(() => import('../pages/labelling/ProjectPage')) },
  { path: '/labelling/:id/read', scope: 'feedback:write', page: lazy(() => import('../pages/labelling/ReadPage')) },
  { path: '/labelling/:id/adjudicate', scope: 'feedback:write', page: lazy(() => import('../pages/labelling/AdjudicatePage')) },
  { path: '/training', scope: 'jobs:read', page: lazy(() => import('../pages/training/TrainingPage')) },
  { path: '/training/:id', scope: 'jobs:read', page: lazy(() => import('../pages/training/JobPage')) },
  { path: '/runs', scope: 'jobs:read', page: lazy(() => import('../pages/runs/RunsPage')) },
  { path: '/audit', scope: 'audit:read', page: lazy(() => import('../pages/audit/AuditPage')) },
  { path: '/users', scope: 'users:read', page: lazy(() => import('../pages/users/UsersPage')) },
  { path: '/account', scope: 'self', page: lazy(() => import('../pages/account/AccountPage')) },
];
const SharedPage = lazy(() => import('../pages/shared/SharedPage'));
const starts: [Scope, string][] = [['predictions:create', '/diagnose'], ['models:write', '/models'], ['audit:read', '/audit'], ['datasets:read', '/datasets'], ['models:read', '/models']];

export function App() {
  const { t } = useI18n();
  const { session, loading, error, expired, can, refresh } = useSession();
  const [path] = useLocation();
  if (path === '/shared') return <Suspense fallback={<Splash />}><SharedPage /></Suspense>;
  if (loading) return <Splash />;
  if (error) {
    return <Center mih="100vh" p="md"><Stack maw={480} gap="lg"><Logo size={44} /><ErrorState error={error} retry={() => void refresh()} /></Stack></Center>;
  }
  if (!session) return <Outside />;
  const start = starts.find(([scope]) => can(scope))?.[1] ?? '/account';
  return (
    <Shell>
      <Suspense fallback={<PageLoading />}>
        <Switch>
          <Route path="/"><Redirect to={start} replace /></Route>
          {routes.filter((route) => can(route.scope)).map((route) => <Route key={route.path} path={route.path} component={route.page} />)}
          <Route><NotFound start={start} /></Route>
        </Switch>
      </Suspense>
      <Modal opened={expired} onClose={() => undefined} withCloseButton={false} closeOnClickOutside={false} closeOnEscape={false} title={t('signIn.expired')}>
        <Text size="sm" c="dimmed" mb="md">{t('signIn.expiredText')}</Text>
        <SignInForm name={session.user.name} />
      </Modal>
    </Shell>
  );
}

function Outside() {
  const setup = useQuery({ queryKey: ['setup'], queryFn: api.setupNeeded, staleTime: 0, retry: 1 });
  if (setup.isPending) return <Splash />;
  if (setup.error) return <Entrance><ErrorState error={setup.error} retry={() => void setup.refetch()} /></Entrance>;
  return <Entrance>{setup.data.needed ? <SetupForm /> : <SignInForm heading />}</Entrance>;
}

function Splash() {
  const { t } = useI18n();
  return <Center mih="100vh" role="status" aria-label={t('app.loading')}><Logo size={52} /></Center>;
}

function PageLoading() {
  const { t } = useI18n();
  return <Center mih="60vh" role="status" aria-label={t('app.loading')}><Loader type="dots" /></Center>;
}
