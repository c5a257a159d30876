// 简体中文。与 en.ts 的键完全一致，由类型与测试保证。
import type { Dictionary } from './index';

export const zh: Dictionary = {
  app: {
    name: 'Aceso', tagline: '医院自己的医学人工智能', researchOnly: '仅供研究使用', researchLong: '仅供研究使用。在本院完成验证之前，不得用于临床决策。',
    skip: '跳到主要内容', loading: '正在加载', menu: '导航', openMenu: '打开导航', closeMenu: '关闭导航', account: '账户', signOut: '退出登录', language: '语言', theme: '主题',
    themeAuto: '跟随系统', themeLight: '浅色', themeDark: '阅片室', about: '关于本节点', build: '构建', engines: '引擎', notFound: '没有这个页面', notFoundText: '地址可能有误，或者您的角色无权打开。', home: '回到起始页', groupRead: '阅片', groupBuild: '构建', groupGovern: '治理',
  },
  nav: { diagnose: '诊断', history: '预测记录', worklist: '阅片清单', scheduling: '设备', studies: '检查', patients: '患者', models: '模型', datasets: '数据集', training: '训练', runs: '运行', audit: '审计', users: '用户', account: '账户' },
  common: {
    save: '保存', cancel: '取消', close: '关闭', delete: '删除', undo: '撤销', retry: '重试', copy: '复制', copied: '已复制', clear: '清除', loadMore: '加载更多', name: '名称', created: '创建时间', state: '状态', yes: '是', no: '否', none: '无', unknown: '未说明', filter: '筛选', actions: '操作', confirm: '确认', optional: '可选', interval95: '95% 区间', page: '第 {page} 页', show: '显示', model: '模型', version: '版本', stage: '阶段', hash: '哈希', time: '时间', by: '操作者',
  },
  error: {
    title: '操作没有成功', network: '节点没有响应。请确认节点正在运行且网络畅通。', requestId: '请求 {id}', render: '页面显示失败', renderText: '节点上的数据没有丢失。请重新加载页面；若再次出现，请报告。', reload: '重新加载',
    code: { invalid: '请求中有无效的内容。', not_found: '它不存在，或已被移除。', exists: '同名的内容已经存在。', denied: '您的角色无权进行此操作。', unauthenticated: '请先登录。', conflict: '其他人刚刚修改了它。请重新加载后再试。', precondition: '当前状态下无法进行此操作。', exhausted: '节点资源不足，请稍后再试。', too_large: '文件超过了本节点接受的大小。', unsupported: '节点不支持此操作。', cancelled: '已取消。', timeout: '操作超时。', unavailable: '服务尚未就绪，请稍后再试。', data_loss: '存储的数据已损坏。请联系维护本节点的工程师。', internal: '节点发生了意外错误。', throttled: '尝试次数过多。', network: '节点没有响应。' },
  },
  signIn: {
    title: '登录', name: '用户名', password: '密码', submit: '登录', code: '一次性验证码', codeHelp: '验证器应用中的六位数字', codeTitle: '确认是您本人', useOther: '换一个账户登录', wrong: '用户名或密码不正确。', wrongCode: '验证码不正确。请等待下一个验证码后再试。', throttled: '尝试次数过多，请在 {seconds} 秒后再试。', expired: '会话已结束', expiredText: '请重新登录以继续。页面上的内容保持不变。', required: '此项必填',
  },
  setup: {
    title: '设置本节点', text: '创建第一位管理员。设置令牌在节点首次启动时已打印，也保存在其主目录的 keys/setup-token 文件中。', token: '设置令牌', name: '您的用户名', password: '密码', repeat: '再次输入密码', submit: '创建管理员', mismatch: '两次输入的密码不一致', short: '至少 12 个字符', weak: '弱', fair: '中', strong: '强', strength: '密码强度：{word}', nameRule: '字母、数字、点、短横线和下划线', wrongToken: '设置令牌不正确。节点重新启动后会显示新的令牌。',
  },
  diagnose: {
    title: '诊断', drop: '将图像拖到这里', dropText: '也可以粘贴，或选择文件。支持 PNG、JPEG 或 NumPy 数组，最大 {size}。', choose: '选择文件', dropNow: '松开以读取此图像', rejected: '无法读取这个文件', rejectedText: '请使用 PNG、JPEG 或 .npy 文件，最大 {size}。', undecodable: '浏览器无法显示此文件，但节点可能仍能读取。',
    model: '模型', noModel: '没有可用于诊断的模型', noModelText: '需要先训练并登记一个尚未停用的模型。', another: '换一张图像', analysing: '模型正在读取图像', uploading: '正在发送图像', blinded: '盲法阅片', blindedHelp: '先给出您自己的判断；在此之前预测结果保持隐藏。', shortcuts: '键盘快捷键',
    intendedUse: '预期用途', hash: '模型包', result: '预测', probabilityOf: '{finding}的概率', threshold: '阈值', suggests: '提示{finding}', suggestsNot: '不提示{finding}', nearThreshold: '接近阈值：请视为未定。', allOutputs: '全部输出', warnings: '请注意', 
    resultEmpty: '预测结果将显示在这里', resultEmptyText: '每次预测都会连同图像与模型的哈希一起保存，以便日后核对。', hiddenTitle: '预测结果已隐藏', hiddenText: '请阅读图像并给出您的判断。保存后将显示预测结果。', 
    chartLabel: '在 0 到 100% 的刻度上，概率为 {probability}，阈值为 {threshold}',
  },
  uncertainty: {
    title: '有多确定？', between: '介于 {low} 与 {high} 之间', calibrated: '在得分 {scores} 的 {n} 张验证图像中，有 {hits} 张为{finding}：{observed}（95% 区间 {lower} 至 {upper}）。', few: '得分与此相近的验证图像很少，因此区间较宽。', calibratedTop: '在最高得分 {scores} 的 {n} 张验证图像中，有 {hits} 张分类正确：{observed}（95% 区间 {lower} 至 {upper}）。', outside: '此得分超出了验证中出现过的范围。', modest: '在验证中，模型的正确率高于此得分。', bold: '在验证中，模型的正确率低于此得分。', chartTop: '100 个点中填充 {hits} 个：得分与此相近的图像中，每 100 张约有 {hits} 张分类正确', chartCaptionTop: '得分与此相近的图像中，每 100 张约有 {hits} 张分类正确', missing: '此模型没有校准记录：请将其概率视为得分，而不是发生频率。', agree: '得分与验证中观察到的频率相符。', higher: '在验证中，{finding}的频率高于此得分。', lower: '在验证中，{finding}的频率低于此得分。', chart: '100 个点中填充 {hits} 个：得分与此相近的图像中，每 100 张约有 {hits} 张为{finding}', chartCaption: '得分与此相近的图像中，每 100 张约有 {hits} 张为{finding}', population: '适用于与验证集相似的图像；其他设备与患者可能不同。',
  },
  explain: {
    title: '模型看了哪里？', text: '显示影响此回答的区域。该图先经检查，通过后才显示。', method: '方法', ask: '计算图', waiting: '正在计算并检查', show: '在图像上显示该图', notShown: '不显示该图', notShownText: '该图未通过检查：其标记的区域未必是模型所依据的。', failed: '无法计算该图', passed: '通过', checkFailed: '未通过', badge: '影响图', warning: '这是影响图，不是病灶图：它显示什么影响了回答，而不是病变在哪里。',
    methods: { gradcam: 'Grad-CAM 图', integrated_gradients: '积分梯度', occlusion: '遮挡' },
  },
  applicability: {
    no: '不适用', noText: '此模型不可用于该图像。不显示概率，因为它没有意义。', set: '覆盖率为 {coverage} 时：', setNone: '无类别', setOne: '只剩一个类别。在各类别的验证图像中，真实类别以该比例被保留。', setMany: '在该覆盖率下模型无法区分这些类别。', setEmpty: '该回答与验证中任何类别的回答都不相似。',
    usual: '该图像与模型的训练图像相似。', unusual: '不寻常的图像：每 100 张验证图像中有 99 张比它更接近训练数据。', outside: '该图像与模型的训练图像完全不同。', unknown: '此模型无法判断该图像是否与其训练数据相似。',
    limits: '仅用于', modalities: '检查方式', views: '体位', bodyParts: '部位', age: '年龄（岁）', spacing: '像素间距', side: '边长', addsNothing: '没有增益', addsNothingText: '未证明此版本优于基于少量像素的逻辑回归（AUROC 增益：{gain}）。', beats: '优于基于少量像素的逻辑回归：AUROC 增益 {gain}。',
  },
  targets: { interval: '在 {coverage} 的覆盖率下，真实值介于 {low} 与 {high} 之间：{cases} 个验证病例中有这么多偏差不超过此范围。', none: '模型未提示任何发现', each: '每项发现单独判定，可同时成立。', holds: '提示', holdsNot: '未提示', members: '集成的 {count} 个成员给出的结果介于 {low} 与 {high} 之间。', beats: '优于基于少量像素的岭回归：平均绝对误差减少 {gain}。', addsNothing: '未证明此版本优于基于少量像素的岭回归（平均绝对误差减少：{gain}）。' },
  outlines: { found: '已勾画：{finding}', nothing: '未勾画任何区域', nothingText: '模型未在此图像上勾画任何区域，但这并不表示没有病灶。', pixels: '{n} 像素', voxels: '{n} 体素', parts: '区域数：{n}', mean: '平均概率 {value}', doubtful: '已勾画或接近勾画的区域中有 {share} 存疑', noSpacing: '像素间距未知：大小仅以像素表示。', tooMany: '轮廓的拐点过多，无法在此绘出。可下载其掩膜。', volume: '可下载整个容积的掩膜。', expected: '在 {cases} 个勾画把握与此相近的验证病例中，半数的 Dice 达到 {median} 或更高，十例中有八例介于 {low} 与 {high} 之间。', outside: '此轮廓的把握超出这些病例的范围。', dice: 'Dice：轮廓与真值完全一致时为 1，毫无重叠时为 0。', show: '显示轮廓' },
  viewer: {
    label: '图像查看器', help: '滚轮缩放，拖动移动，按住 Shift 拖动调节窗宽窗位。也可使用方向键、加号、减号和 0。', zoomIn: '放大', zoomOut: '缩小', fit: '适应窗口', invert: '灰度反转', reset: '重置视图', windowWidth: '对比度（窗宽）', windowLevel: '亮度（窗位）', pixels: '{width} × {height} 像素', adjust: '调节图像', image: '正在阅读的图像',
  },
  stack: {
    window: '窗宽窗位', pan: '移动', zoom: '缩放', ruler: '测距', region: '区域', angle: '角度', map: '影响图', erase: '移除最近的测量', overlay: '人工智能叠加', image: '第 {n} / {total} 幅', slice: '图像', presets: '预设', asSent: '设备原始设置', otherWindow: '设备的其他窗', play: '播放', pause: '暂停', fps: '每秒图像数', lossy: '有损压缩', atDetector: '长度为探测器平面上的长度', uncalibrated: '未校准：长度以像素计', aiMark: '人工智能，不用于主要诊断', failed: '无法显示此图像', noValues: '无数值：彩色图像', mean: '均值 {mean}，标准差 {sd}', range: '{min} 至 {max}', none: '没有可显示的内容', noneText: '此序列没有图像。报告与文档暂不在此显示。',
    help: '拖动使用所选工具，滚轮翻页，按住 Ctrl 滚动缩放。按住 Shift 拖动可移动，右键拖动可缩放。', preset: { softTissue: '软组织', lung: '肺', liver: '肝', bone: '骨', brain: '脑' },
    keys: { scroll: '下一幅、上一幅', page: '前进、后退十幅', ends: '第一幅、最后一幅', tools: '窗、移动、缩放、测距、角度、区域', presets: '预设', width: '缩小、扩大窗宽', level: '提高、降低窗位', zoom: '放大、缩小、适应窗口', invert: '灰度反转', cine: '播放、暂停', overlay: '开关人工智能叠加', map: '显示、隐藏影响图', planes: '三平面', erase: '移除最近的测量' },
  },
  planes: {
    open: '三平面', slices: '逐层', axial: '横断面', coronal: '冠状面', sagittal: '矢状面', cross: '十字线', loading: '已加载 {done} / {total} 幅图像', failed: '无法显示三平面', interpolated: '体素间线性插值，比例以毫米为准',
    help: '单击或拖动以放置十字线，其他平面随之移动。滚轮翻动平面，按住 Ctrl 滚动缩放。按住 Shift 拖动可移动，右键拖动可缩放。', notAVolume: '此序列不构成容积',
    why: { few: '只有 {n} 幅图像；容积平面至少需要三幅。', colour: '含有彩色图像，或只能由节点绘制的图像。', sizes: '各图像大小不同。', noPlace: '并非每幅图像都说明其在患者体内的位置。', noSpacing: '患者体内的像素间距未知，或各图像不同。', directions: '各图像互不平行。', samePlace: '多幅图像位于同一位置：期相、回波或重复采集。', missing: '约缺少 {n} 层：大多相距 {usual} 毫米，有的相距 {most} 毫米。中间不会凭空补出。', uneven: '层间距不均匀，{least} 至 {most} 毫米。', shifted: '各层之间相互错开，最多 {mm} 毫米。', memory: '需要 {need} MiB；此处只组合不超过 {most} MiB 的容积。' },
    keys: { scroll: '该视图的下一、上一平面', page: '前进、后退十个平面', ends: '第一、最后一个平面', tools: '十字线、窗、移动、缩放', lines: '显示、隐藏十字线', slices: '返回逐层' },
  },
  verdict: {
    title: '您的结论', blindTitle: '您的判断', agree: '同意', disagree: '不同意', unsure: '不确定', yourFinding: '您的发现', whatIsIt: '您看到了什么？', pickFinding: '请选择一项发现', comment: '备注', commentHelp: '请勿填写姓名、出生日期或其他身份信息。', save: '保存结论', saveBlind: '保存并显示预测', update: '保存修订', saved: '结论已保存', savedText: '已保存为第 {revision} 次修订。', history: '修订记录', revision: '第 {n} 次修订', before: '在显示预测之前阅读', after: '先看到了预测', latest: '最新', choose: '请选择同意、不同意或不确定', sayWhy: '请在备注中说明不确定的原因', notAllowed: '您的角色可以查看预测，但不能给出结论。',
  },
  shortcuts: { open: '选择图像', agree: '同意', disagree: '不同意', unsure: '不确定', save: '保存结论', zoom: '放大、缩小、适应窗口', pan: '移动图像', window: '降低、提高对比度', level: '变暗、变亮', invert: '灰度反转', blinded: '开启或关闭盲法阅片', next: '换一张图像', help: '显示此列表', paste: '粘贴图像' },
  history: {
    title: '预测记录', empty: '尚无预测', emptyText: '在诊断页面读取的每张图像及其结论都会列在这里。', finding: '发现', probability: '概率', verdict: '结论', image: '图像', hidden: '阅片前隐藏', noVerdict: '未判断', blinded: '盲法', allModels: '全部模型', export: '将结论导出为数据集', exportText: '用此模型已判断的图像生成数据集，以最新结论作为标签，可用于训练。', exportName: '新数据集的名称', exportStarted: '正在生成数据集', exportPick: '请先选择模型',
  },
  studies: { title: '检查', text: '由影像设备、其他归档系统以及您发送到本节点的影像。', import: '导入影像', search: '搜索检查', who: '患者', whoHelp: '姓名或患者编号', patient: '患者', date: '检查日期', modality: '设备类型', anyModality: '全部', description: '描述', accession: '检查号', images: '图像', received: '接收时间', from: '从', to: '到', total: '共 {count} 项检查', found: '{count} 项检查符合条件', none: '没有符合条件的检查', noneText: '请检查拼写，或减少条件。姓名从各部分的开头匹配，顺序不限。', empty: '尚无检查', emptyText: '请从影像设备或其他归档系统发送影像到本节点，或将文件拖到这里。', previous: '上一页', next: '下一页', range: '第 {from}–{to} 项，共 {total} 项', dropNow: '松开以将这些文件存入归档', unnamed: '未记录姓名', noId: '无患者编号', seriesAndImages: '{series} 个序列，{images} 幅图像', years: '{n} 岁', months: '{n} 个月', weeks: '{n} 周', days: '{n} 天', sexes: { M: '男', F: '女', O: '其他' } },
  patients: { title: '患者', text: '本节点保存有其检查的所有患者。', search: '搜索患者', studies: '检查数', newest: '最近检查', total: '共 {count} 位患者', found: '{count} 位患者符合条件', none: '没有符合条件的患者', empty: '尚无患者', emptyText: '归档中保存了某位患者的检查后，会在这里列出。', gone: '没有这位患者', studiesOf: '检查（{count}）' },
  stow: { title: '导入影像', drop: '将 DICOM 文件或文件夹拖到这里，或选择文件', dropText: '数量不限，检查不限', text: '文件按原样保存。每个文件单独应答：被拒绝的文件会列出原因。', progress: '{done} / {files} 个文件，{size} / {total}', stored: '已保存 {count} 个文件，属于 {studies} 项检查', nothing: '没有保存任何文件', refused: '{count} 个文件被拒绝', file: '文件', why: '原因', stop: '停止', open: '打开检查', more: '继续导入', reasons: { A700: '节点空间不足，或文件过大。', A900: '已存有相同标识的另一对象，或数据不一致。', C000: '这不是可以识别的 DICOM 文件。', '0110': '节点无法处理此文件。', '0111': '已经保存过。', '0122': '不接受此类对象。', '0124': '您的角色无权保存。' } },
  study: { compare: '对比', prior: '既往检查', linked: '联动滚动', closePrior: '关闭既往检查', seriesOfPrior: '既往检查的序列', gone: '没有这项检查', goneText: '它可能已被删除，或链接有误。', add: '添加影像', ohif: '用 OHIF 打开', deleteTitle: '删除此检查？', deleteText: '{name}在此检查中的全部 {images} 幅图像将从归档中移除。此操作无法撤销。', deleted: '检查已删除', banner: '患者', noDescription: '无描述', patientId: '患者编号', birth: '出生日期', sex: '性别', referring: '申请医生', series: '序列（{count}）', unnamedSeries: '无描述的序列', seriesNumber: '序列 {n}', images: '{count} 幅图像', others: '该患者的其他检查', noOthers: '归档中没有' },
  share: { share: '分享', title: '分享此检查', text: '在链接失效之前，持有链接的人可以看到此检查以及患者姓名。链接不会显示其他内容，也不能更改任何内容；每次打开都会记入审计记录。', hours: '链接有效期', spans: { h24: '24 小时', h72: '3 天', h168: '7 天', h720: '30 天' }, note: '给谁', noteHelp: '只在链接列表中显示', make: '生成链接', link: '链接', once: '请立即复制链接', onceText: '链接只显示这一次；节点只保存其散列值。', links: '此检查的链接', none: '尚无', states: { open: '有效', expired: '已过期', revoked: '已撤回' }, until: '至 {time}', by: '由 {name} 分享', openedTimes: '已打开 {count} 次', revoke: '撤回', revoked: '链接已撤回', gone: '此链接无效', goneText: '链接已过期、已被撤回或不完整。请联系给您链接的人。', banner: '{name} 与您分享的检查，有效期至 {time}', notice: '仅供参考，不用于主要诊断。' },
  worklist: { title: '阅片清单', text: '按模型建议的阅片顺序排列：阳性结果按紧急程度在前，其次是失败或等待分析的检查，最后是其余检查。排在后面或不在清单中，都不代表检查正常。', empty: '没有待阅检查', emptyText: '路由规则把检查送给模型后，检查会出现在这里。', finding: '结果', more: '显示更多', ranks: { positive: '阳性', failed: '失败', waiting: '等待中', negative: '阴性', not_applicable: '未分析', judged: '已阅' }, urgencies: { high: '紧急', medium: '中等', low: '低' } },
  scheduling: {
    title: '设备工作列表', text: '设备从本节点获取的待做检查步骤，以及设备报告已完成的步骤。', scheduled: '已安排', performed: '已执行', add: '安排步骤', search: '搜索检查步骤', date: '日期', station: '设备（AE 标题）', any: '全部', today: '今天',
    total: '共 {count} 个检查步骤', more: '显示 {count} 个中的前 {shown} 个，请缩小搜索范围。', empty: '没有安排', emptyText: '步骤由医嘱系统通过 REST 接口送来，或在此录入；设备通过 C-FIND 获取。', none: '没有符合条件的步骤', noneText: '请选择其他日期，或清除搜索条件。', noPerformed: '尚无设备报告', noPerformedText: '支持 MPPS 的设备在步骤开始和结束时向此处报告。', noneYet: '目前查看过的步骤中没有。',
    when: '时间', procedure: '检查项目', began: '开始', ended: '结束', reportedBy: '由 {name} 报告', objects: '已收到对象', ofObjects: '{named} 个中的 {here} 个', series: '{count} 个序列', noObjects: '未列出', study: '检查', openStudy: '打开检查', notHere: '尚未收到', remove: '移除', removeTitle: '从工作列表中移除此步骤？', removeText: '{name}的{procedure}：设备将不再获得此步骤。已保存的内容不受影响。', removed: '已从工作列表中移除此步骤',
    states: { scheduled: '已安排', started: '已开始', in_progress: '进行中', completed: '已完成', discontinued: '已中止' },
    form: { title: '安排检查步骤', patient: '患者', what: '检查内容', family: '姓', given: '名', characters: '中文姓名', charactersHelp: '姓与名之间用空格分隔', id: '患者编号', birth: '出生日期', sex: '性别', notGiven: '未填', accession: '检查号', referring: '申请医生', physician: '执行医生', time: '时间', location: '地点', procedureId: '检查项目编号', description: '步骤描述', stationHelp: '留空：只有查询全部设备的工作站能看到', save: '安排', saved: '步骤已安排' },
  },
  judge: { agree: '同意', correct: '更正', agreed: '已同意：{finding}', corrected: '已更正：{finding}', instead: '应为什么？', insteadHelp: '留空：不是 {finding}（模型只有另一个类别时）。', notThis: '不是 {finding}，而是 {other}。', save: '保存更正', saved: '报告已审核', savedText: '已向检查添加审核报告（第 {revision} 版）。' },
  analyses: { positive: '阳性', map: '影响图（{method}），在查看器中按 H 键。', title: '人工智能分析', again: '重新分析', notKnown: '未知', none: '未分析', noRule: '没有适用于此序列的规则。', unknown: '分析状态未知', unknownText: '本节点不报告分析状态，请勿视为正常。', nothingToAnalyse: '没有可分析的图像。', silence: '没有结果并不代表正常。人工智能结果，不用于主要诊断。', states: { waiting: '等待中', running: '进行中', analysed: '已分析', failed: '失败', not_applicable: '不适用' } },
  modalities: { CT: '计算机断层扫描', MR: '磁共振', CR: '计算机放射摄影', DX: '数字放射摄影', MG: '乳腺摄影', US: '超声', XA: 'X 射线血管造影', RF: '透视', NM: '核医学', PT: '正电子发射断层扫描', OP: '眼科摄影', OPT: '眼科断层扫描', ES: '内镜', SM: '切片显微镜', ECG: '心电图', IO: '口内摄影', PX: '全景 X 射线', OT: '其他', SC: '二次捕获', SR: '结构化报告', SEG: '分割', PR: '显示状态', KO: '关键对象', DOC: '文档', RTSTRUCT: '放疗结构', RTDOSE: '放疗剂量', RTPLAN: '放疗计划' },
  datasets: {
    title: '数据集', import: '导入', empty: '尚无数据集', emptyText: '请先导入包含图像与标签的 NumPy 归档（.npz）。每个数据集都保存每个样本的哈希与划分。', classes: '类别', licence: '许可', labelSource: '标签来源', source: '来源', hash: '哈希', intensity: '灰度', intensityText: '均值 {mean}，标准差 {std}，范围 {min} 至 {max}', contact: '缩略图', counts: '各类别与划分的样本数', warnings: '警告', setAside: '已剔除', setAsideText: '这些样本在导入时被剔除，原因如下。', noWarnings: '导入时没有警告', reason: '原因', sample: '样本', split: '划分', label: '类别', allSplits: '全部划分', allClasses: '全部类别', noSamples: '没有符合条件的样本', train: '用它训练', deleteTitle: '删除数据集 {name}？', deleteText: '其图像与清单将从节点移除。用它训练的模型保留记录。此操作无法撤销。', deleted: '数据集已删除', splits: { train: '训练', validation: '验证', test: '测试', unassigned: '未分配' }, sampleCount: '{count} 个样本', shownCount: '已显示 {shown} 个',
  },
  import: {
    title: '导入数据集', drop: '将 .npz 文件拖到这里或点击选择', dropText: '键名为 X 和 y，或 train_images、train_labels 等。最大 {size}。', name: '名称', nameHelp: '小写字母、数字和短横线', classNames: '类别名称', classNamesHelp: '按标签值的顺序，以逗号分隔', licence: '许可', labelSource: '标注者', submit: '导入', uploading: '正在发送 {percent}%', working: '节点正在检查并打包样本', done: '数据集 {name} 已就绪', open: '打开数据集', failed: '导入失败', pick: '请先选择文件', nameRule: '以字母或数字开头；仅限小写字母、数字、短横线和下划线', privacy: '请确认图像中没有烧录的姓名，并且您有权使用这些图像。',
  },
  training: {
    title: '训练', start: '开始训练', new: '新建训练', empty: '尚未训练任何模型', emptyText: '选择数据集与网络结构；节点在独立进程中训练，并在这里显示曲线。', dataset: '数据集', modelName: '模型名称', architecture: '网络结构', epochs: '轮数', batch: '批大小', learningRate: '学习率', seed: '随机种子', flip: '对训练图像随机左右翻转', patience: '耐心值', patienceHelp: '验证 AUC 在若干轮内未提高则停止；0 表示从不提前停止', imageSize: '图像尺寸', imageSizeHelp: '0 表示保持数据集的尺寸', advanced: '更多设置', started: '训练已开始', job: '任务', jobs: '任务', progress: '进度', timeLeft: '剩余 {time}', epochOf: '第 {epoch} / {epochs} 轮', loss: '损失', trainLoss: '训练损失', valLoss: '验证损失', valRmse: '验证 RMSE', rmseChart: '各轮验证 RMSE：最后一轮 {value}', valAuc: '验证 AUC', speed: '每秒图像数', bestEpoch: '最佳轮', cancel: '取消任务', cancelTitle: '取消此任务？', cancelText: '工作进程将停止，已学到的内容会被丢弃。', cancelKeep: '继续运行', cancelled: '已请求取消', waiting: '等待第一轮结束', live: '实时', reconnecting: '连接中断，正在重试', settings: '设置', log: '日志', noLog: '没有消息', attempt: '第 {n} 次尝试', again: '用这些设置再次训练', openModel: '打开模型', openDataset: '打开数据集', noDatasets: '请先导入数据集', allStates: '全部状态', curveNote: '验证数据用于选择轮次，并不代表模型的优劣。测试结果见模型卡片。', lossChart: '各轮损失：最后一轮训练 {train}，验证 {validation}', aucChart: '各轮验证 AUC：最后一轮 {value}', speedChart: '各轮每秒图像数：最后一轮 {value}',
    states: { queued: '排队中', running: '运行中', succeeded: '已完成', failed: '失败', cancelled: '已取消' }, kinds: { train: '训练', 'dataset-import': '导入', 'feedback-export': '导出结论', evaluate: '评估', compare: '比较', explain: '解释' },
  },
  trials: {
    title: '试验', rank: '名次', trial: '试验', figure: '指标', best: '目前最佳', waiting: '已训练到此', promoted: '第 {n} 级后继续', stopped: '在第 {n} 级停止', failed: '失败', finished: '已训练到底', note: '验证图像上的指标：用于选择，并不代表模型的优劣。', curves: '试验 {n} 的曲线', bestConfig: '最佳配置', search: '尝试多组设置', searchHelp: '逐次减半：全部先训练少许轮次，较好的继续。更多选项见命令行与 docs/training.md。', count: '试验数', rateFrom: '学习率从', rateTo: '到', rateRule: '必须大于前者',
  },
  runs: {
    title: '运行', experiment: '实验', all: '全部实验', filter: '筛选', filterHelp: '按 metrics、params、tags 和 attributes，用 AND 连接', empty: '尚无运行', emptyText: '本节点的训练以及 mlflow 客户端的运行显示在这里：见 docs/runs.md。', noMatch: '没有匹配的运行', noMatchText: '修改或清除筛选条件。', run: '运行', user: '用户', started: '开始时间', took: '用时', choose: '选择', chooseRun: '选择 {name}', chooseText: '最多选择 {n} 个运行，叠加显示其曲线。', more: '仅显示前 {n} 个；请用筛选查看其他运行。', job: '任务', compared: '所选运行', curves: '曲线', metric: '指标', noMetrics: '没有数值', differing: '不同的参数', oneRun: '再选择一个运行以进行比较。', same: '所有参数相同。', parameter: '参数', chart: '{metric} 随步数变化：最后一步 {values}',
    states: { running: '运行中', scheduled: '已排定', finished: '已完成', failed: '失败', killed: '已取消' },
  },
  models: {
    title: '模型', empty: '尚无模型', emptyText: '用数据集训练一个模型；它将被评估、签名并登记为候选。', versions: '版本', dataset: '数据集', auroc: 'AUROC', latest: '最新', version: '版本 {n}', tabs: { card: '卡片', evaluation: '评估', report: '报告', training: '训练', technical: '技术信息' }, intendedUse: '预期用途', limitations: '局限', data: '数据', classes: '类别', threshold: '阈值', thresholdText: '{value}，在验证图像上选定', created: '创建时间', createdBy: '创建者', signedBy: '签名密钥', bundle: '模型包哈希', files: '文件', file: '文件', input: '输入', output: '输出', preprocessing: '预处理', engine: '引擎', architecture: '网络结构', duration: '训练用时', memory: '内存峰值', noEvaluation: '未评估', noEvaluationText: '此版本没有评估记录，请勿升级。', evaluationOn: '在{split}划分的 {n} 张图像上评估', figure: '指标', value: '数值', intervalChart: '{name} {value}，95% 区间 {lower} 至 {upper}', confusion: '混淆矩阵', actual: '实际', predicted: '预测', confusionCaption: '行：标签；列：按阈值的预测', rocChart: 'ROC 曲线，面积 {value}', perClass: '各类别对其余类别', roc: 'ROC 曲线', falsePositive: '假阳性率', sensitivityAxis: '灵敏度', report: '评估报告', openReport: '在新标签页打开', diagnose: '用它诊断', noHistory: '没有训练记录',
    figures: { exact: '全部标签正确', mae: '平均绝对误差', rmse: '均方根误差', r2: '决定系数 R²', pearson: 'Pearson 相关系数', bias: '偏差', dice: 'Dice 系数', iou: '交并比 (IoU)', part_sensitivity: '找到的区域', accuracy: '准确率', sensitivity: '灵敏度', specificity: '特异度', ppv: '阳性预测值', npv: '阴性预测值', f1: 'F1', auroc: 'AUROC', auprc: 'AUPRC', brier: 'Brier 分数', ece: '校准误差', balanced_accuracy: '平衡准确率' },
    shareCanary: '灰度 {percent} %', shareShadow: '影子 {percent} %', shareCanaryHelp: '回答这一比例的未指定版本的请求；同一输入总是走同一路径。', shareShadowHelp: '在这一比例的回答之后被询问；其结果不向任何人显示。',
    stages: { candidate: '候选', shadow: '影子', live: '上线', retired: '停用' }, stageHelp: { candidate: '已登记，正在评判。可手动选择。', shadow: '与上线版本并行运行，其结果会被记录。', live: '默认作答的版本。', retired: '不再使用，记录保留。' }, changeStage: '更改阶段', changeTitle: '将版本 {version} 设为{stage}？', changeText: '当前为{from}。此更改将连同您的姓名记入审计记录。', changeLive: '它将成为所有使用 {name} 诊断者的默认版本，现有的上线版本将让位。', changeRetired: '它将不能再用于诊断。', changed: '版本 {version} 现为{stage}', noEvaluationWarning: '此版本尚未评估。',
  },
  audit: {
    title: '审计记录', empty: '没有符合条件的条目', emptyText: '请更改或清除筛选条件。', text: '按顺序记录每次访问与更改，每个条目都通过哈希与前一条相连。', verify: '验证链条', verified: '链条完整', verifiedText: '已检查 {count} 个条目。', broken: '链条已断裂', brokenText: '首个损坏的条目：{n}。请通知隐私负责人并保留存储的副本。', head: '链首', from: '从', to: '到', agent: '操作者', event: '事件', entity: '对象', free: '文本', outcome: '结果', outcomes: { success: '成功', minor: '已拒绝', serious: '失败', major: '失败' }, address: '地址', request: '请求', sequence: '序号', action: '动作', actions: { C: '创建', R: '读取', U: '更新', D: '删除', E: '执行' }, detail: '细节', noDetail: '没有细节', entry: '条目 {n}', newer: '较新', older: '较旧',
  },
  users: {
    title: '用户', tabUsers: '用户', tabTokens: 'API 令牌', add: '添加用户', addTitle: '添加用户', roles: '角色', password: '初始密码', passwordHelp: '请通过安全的方式告知本人；对方可在账户中更改。', create: '创建用户', created: '用户 {name} 已创建', disable: '停用', enable: '启用', disabled: '已停用', active: '正常', disableTitle: '停用 {name}？', disableText: '其会话将立即结束，且无法登录。您可以再次启用。', disabledDone: '{name} 已停用', enabledDone: '{name} 已启用', editRoles: '更改角色', editTitle: '{name} 的角色', rolesSaved: '{name} 的角色已更改', reset: '重置密码', resetTitle: '{name} 的新密码', resetText: '其会话将立即结束。', resetDone: '{name} 的密码已重置', deleteTitle: '删除 {name}？', deleteText: '账户将被移除；其操作仍保留在审计记录中。此操作无法撤销。', deleted: '{name} 已删除', you: '您', totp: '一次性验证码', pickRole: '请至少选择一个角色', actionsFor: '{name} 的操作', roleNames: { admin: '管理员', clinician: '临床医生', scientist: '数据科学家', auditor: '审计员' }, roleHelp: { admin: '管理节点：用户、令牌、模型、审计', clinician: '阅片并给出结论', scientist: '导入数据，训练并评估模型', auditor: '查看审计记录与模型档案' },
    tokensEmpty: '没有 API 令牌', tokensText: '供脚本和其他系统使用。令牌只能做其权限范围允许的事，且仅在到期之前有效。', addToken: '新建令牌', tokenName: '用途', scopes: '权限范围', expires: '到期', expiresDays: '有效天数', createToken: '创建令牌', tokenOnce: '请立即复制令牌', tokenOnceText: '它只显示这一次；节点仅保存其哈希。', tokenDone: '我已复制', revoke: '吊销', revokeTitle: '吊销令牌 {name}？', revokeText: '使用它的程序将立即被拒绝。此操作无法撤销。', revoked: '令牌 {name} 已吊销', pickScope: '请至少选择一个权限范围', scopeHelp: '只授予必需的权限。', soon: '即将到期', expired: '已到期',
  },
  account: {
    title: '您的账户', profile: '资料', password: '密码', old: '当前密码', new: '新密码', repeat: '再次输入新密码', change: '更改密码', changed: '密码已更改', totp: '一次性验证码', totpText: '登录时的第二重验证：手机验证器应用中的六位数字。', totpOn: '已开启：每次登录都会要求输入验证码。', totpOff: '未开启', enrol: '设置', enrolTitle: '设置一次性验证码', scan: '用验证器应用扫描', manual: '或输入此密钥', code: '应用显示的验证码', verify: '开启', enabled: '一次性验证码已开启', disableTotp: '关闭', disableTitle: '关闭一次性验证码？', disableText: '您的账户将仅由密码保护。', disabled: '一次性验证码已关闭', qr: '包含验证器密钥的二维码', preferences: '偏好设置', sessionEnds: '本次会话于 {time} 结束', permissions: '您的权限',
  },
};
