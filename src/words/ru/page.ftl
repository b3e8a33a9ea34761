# Слова страницы.

## site

site-name = Mirano
site-skip = К содержанию
site-language = Язык
site-pages = Страницы
site-sign_out = Выйти
site-api = Описание API
site-footer = Mirano показывает то, что ответили источники, и когда. Это не юридическая консультация.
site-demo = Демонстрация: компании, люди и адреса её встроенного мира вымышлены.
site-noscript = Без JavaScript страница не обновляется сама: перезагрузите её, чтобы увидеть новое.

## start

start-title = Проверка объекта недвижимости
start-lead = Mirano спрашивает об адресе суды, реестры и площадки, складывает факты и считает риск. То, что уже спрашивали недавно, берётся из прежних ответов, и это всегда помечено датой. «Записей не найдено» значит только это: источник ответил, что записей у него нет.
start-address = Адрес или кадастровый номер
start-address_hint = Например: г Москва, ул Тверская, д 7, кв 12
start-profile = Что проверить
start-required = обязательно
start-optional = необязательно
start-anew = Запросить всё заново
start-anew_hint = Не брать прежние ответы, даже если их срок не истёк. Это дольше.
start-submit = Проверить
start-showcase = С чего начать
start-showcase_lead = Адреса демонстрации, каждый со своей историей:
start-recent = Последние проверки
start-recent_none = Проверок ещё не было.
start-updating = Обновляется сейчас
start-updating_none = Сейчас ничего не запрашивается.
start-col_address = Адрес
start-col_status = Состояние
start-col_risk = Риск
start-col_created = Создана
start-asks = Источники: { $sources }

## problem

problem-heading = Проверка не начата
problem-field = Ошибка
problem-not_found = Такой проверки нет
problem-not_found_fix = Проверьте адрес страницы. Чужие проверки не показываются.
problem-snapshot_not_found = Такого снимка нет
problem-snapshot_not_found_fix = Проверьте номер: в отчёте он стоит целиком. Чужие снимки не показываются.
problem-page_not_found = Такой страницы нет
problem-page_not_found_fix = Проверьте адрес. Всё, что есть, открывается с начальной страницы.
problem-failed = Не получилось
problem-failed_fix = Попробуйте ещё раз немного позже.
problem-log_unavailable_fix = Подождите минуту и попробуйте снова. То, что подтверждено раньше, цело, и его можно читать.
problem-wait_fix = Подождите минуту и попробуйте снова.
problem-cross_site = Форма отправлена с другого сайта
problem-cross_site_fix = Откройте страницу Mirano и отправьте форму с неё.
problem-back = На начальную страницу

## sign_in

sign_in-title = Вход
sign_in-lead = Этот сервер открывается ключом. Ключ хранится в cookie, недоступной скриптам, и посылается только этому серверу.
sign_in-key = Ключ
sign_in-submit = Войти
sign_in-wrong = Такой ключ не подходит
sign_in-wrong_fix = Проверьте, что ключ скопирован целиком, или попросите новый у того, кто ведёт сервер.

## check

check-typed = введено: { $input }
check-created = создана
check-sources = Источники
check-risk = Риск
check-honesty = Что важно знать
check-snapshots = Снимки фактов
check-snapshots_none = Снимок фиксируется, когда больше ничего не запрашивается.
check-snapshot_root = корень
check-recheck = Перепроверить
check-recheck_hint = Запросить все источники заново, даже если срок данных не истёк
check-report = Отчёт
check-watch = Наблюдать
check-not_covered = Чего эта проверка не охватывает
check-muted = Об этой проверке никому не сообщается до
check-watched = Наблюдается
check-watch_hint = Повторять проверку каждый день и сообщать, что изменилось, в уведомлениях
check-live = обновляется сама
check-offline = связь потеряна, восстанавливаем
check-fresh_mark = новое
check-position = позиция журнала { $position }

## confidence

confidence-exact = адрес понят точно
confidence-high = адрес понят уверенно
confidence-medium = адрес понят с оговорками
confidence-low = адрес понят неуверенно
confidence-unknown = неизвестно, верно ли понят адрес

## warning

warning-lookalike_letters = латинские буквы прочитаны как русские
warning-characters_dropped = лишние знаки отброшены
warning-ambiguous_pr = «пр.» может быть проспектом или проездом
warning-street_type_assumed = тип улицы не указан, принято «улица»
warning-street_type_missing = тип улицы не указан
warning-street_missing = улица не указана
warning-place_type_missing = тип населённого пункта не указан
warning-flat_assumed = второе число прочитано как квартира
warning-house_range = «12-14» может быть и диапазоном домов, и домом с квартирой
warning-house_missing = номер дома не указан
warning-place_missing = город или село не указаны
warning-region_missing = регион не указан
warning-district_missing = район не указан, а сёл с таким названием может быть несколько
warning-unrecognised_text = часть текста не понята; она сохранена и отличает этот адрес от других
warning-plain_form = прочитано не как российский адрес
warning-unsettled = адрес читается неоднозначно, слова оставлены как есть

## status

status-created = Проверка создана
status-in_progress = Идёт проверка, ответов пока нет
status-partial_updating = Есть часть результата, остальное обновляется
status-partial_final = Результат неполный или частью устарел; сейчас ничего не обновляется
status-partial_some_updating = Есть часть результата, часть остального обновляется
status-partial_all_updating = Ответы есть по всем источникам; часть сейчас обновляется
status-partial_stale = Все источники ответили, но ответы устарели: { $stale } из { $total }; сейчас ничего не обновляется
status-partial_stale_updating = Все источники ответили, но ответы устарели: { $stale } из { $total }; идёт обновление
status-completed = Готово
status-completed_reused = Готово; часть данных не запрашивалась заново
status-completed_all_reused = Готово; данные не запрашивались заново
status-failed = Ни один источник не ответил

## progress

progress-answered = Есть ответ: { $answered } из { $total }
progress-answered_reused = Есть ответ: { $answered } из { $total }, из них { $reused } из предыдущих проверок
progress-updating = { $n ->
    [one] обновляется { $n } источник
    [few] обновляются { $n } источника
   *[many] обновляется { $n } источников
}
progress-stale = { $n ->
    [one] { $n } устарел
    [few] { $n } устарели
   *[many] { $n } устарели
}
progress-failed = { $n ->
    [one] { $n } не ответил
    [few] { $n } не ответили
   *[many] { $n } не ответили
}
progress-bar = Ответы источников

## state

state-running = запрашивается
state-retrying = повтор после сбоя
state-queued = в очереди
state-waiting_for_subject = ждёт другой источник
state-failed = нет ответа
state-not_applicable = не применимо
state-fresh = в пределах срока
state-stale = устарело

## state_long

state_long-fresh = в пределах срока ({ $ttl })
state_long-stale = срок ({ $ttl }) истёк
state_long-joined = этот запрос уже шёл, проверка присоединилась к нему
state_long-waiting_for_subject = неизвестно, о ком спрашивать, пока не ответит другой источник
state_long-not_applicable = спрашивать не о ком: не указано, не найдено или больше не названо, о ком
state_long-shown_meanwhile = пока показаны прежние данные

## result

result-found = { $n ->
    [one] найдена { $n } запись
    [few] найдено { $n } записи
   *[many] найдено { $n } записей
}
result-nothing_found = источник ответил: записей не найдено
result-unavailable = источник недоступен
result-blocked = источник ограничил доступ
result-unparsable = ответ источника не удалось разобрать
result-refused = источник отказал в запросе
result-suspicious = ответу пока нельзя верить: раньше записи были; спросим ещё раз
result-incomplete = список неполный

## origin

origin-reused = данные использованы из предыдущей проверки
origin-served_stale = устаревшие данные из предыдущей проверки
origin-coalesced = запрос объединён с тем, что уже шёл
origin-fetched = источник опрошен для этой проверки

## wait

wait-rate = ждёт: источник разрешает не больше запросов
wait-concurrency = ждёт: у источника занято столько запросов, сколько он разрешает
wait-proxy = ждёт свободный прокси
wait-backoff = пауза перед повтором
wait-queue = ждёт очереди
wait-other = ждёт
wait-ahead = { $n ->
    [one] впереди { $n } запрос
    [few] впереди { $n } запроса
   *[many] впереди { $n } запросов
}
wait-eta = ещё примерно { $time }
wait-eta_unknown = сколько ещё ждать, неизвестно

## wait_because

wait_because-breaker_open = ждёт: источник не отвечает, и его пока не трогают
wait_because-asked_to_wait = ждёт: источник просил подождать
wait_because-quiet_hours = ждёт: сейчас часы, когда источник не опрашивают
wait_because-daily_quota = ждёт: дневной лимит запросов к источнику исчерпан
wait_because-overloaded = ждёт: источник отвечает, что временно недоступен (503), и опрашивается медленнее
wait_because-proxy_total = ждёт: через прокси уже идёт столько запросов всех источников, сколько разрешено
wait_because-slowed_down = ждёт: источник опрашивается медленнее, он сообщил о слишком частых запросах

## date

date-own = Дата у источника
date-own_null = источник не указал
date-asked = Запрошено
date-today = сегодня это { $age }
date-until = Срок до
date-age_of = возраст { $age }, срок { $ttl }
date-last_failure = Последняя попытка не удалась
date-attempts = { $n ->
    [one] { $n } попытка
    [few] { $n } попытки
   *[many] { $n } попыток
}

## fact

fact-possible = возможное совпадение
fact-possible_hint = Совпало только имя. Баллов не даёт, если правило не разрешает иного.
fact-more = { $n ->
    [one] ещё { $n } запись
    [few] ещё { $n } записи
   *[many] ещё { $n } записей
}
fact-none = Записей нет.
fact-since = впервые видели
fact-yes = да
fact-no = нет

## kind

kind-cadastre-object = Объект
kind-cadastre-developer = Застройщик
kind-company-record = Компания
kind-court-case = Дело
kind-enforcement-proceeding = Производство
kind-listing-offer = Объявление
kind-review-entry = Отзыв

## attr

attr-area = площадь, м²
attr-purpose = назначение
attr-floors = этажей
attr-floor = этаж
attr-rooms = комнат
attr-built = построен
attr-value = кадастровая стоимость
attr-valued = оценён
attr-right_since = право с
attr-encumbrance = обременение
attr-ownership = собственность
attr-inn = ИНН
attr-ogrn = ОГРН
attr-name = название
attr-status = состояние
attr-registered = зарегистрирована
attr-capital = уставный капитал
attr-tax_debt = долг по налогам
attr-number = номер
attr-type = вид
attr-court = суд
attr-role = роль
attr-category = предмет
attr-sum = сумма иска
attr-filed = подано
attr-outcome = исход
attr-judge = судья
attr-debtor = должник
attr-opened = возбуждено
attr-demand = требование
attr-left = остаток долга
attr-office = отдел
attr-price = цена
attr-seller = продавец
attr-parking = парковка
attr-posted = опубликовано
attr-rating = оценка
attr-text = текст
attr-written = написано
attr-verified = проверенный автор
attr-title = заголовок
attr-transfers_3y = переходов права за 3 года
attr-birth_date = дата рождения

## risk

risk-none = Риск посчитаем, когда появятся первые факты.
risk-score = { $score } из 100
risk-score_at_least = не меньше { $score } из 100
risk-of = из 100
risk-at_least = не меньше
risk-at_least_why = Есть недостающее, устаревшее или неполное: баллов может стать больше.
risk-factors = Что прибавляет баллы
risk-factors_none = Ни одно правило не сработало на имеющихся фактах.
risk-no_records = записей нет
risk-outdated = В баллах ещё учтены ответы, которые уже слишком стары, чтобы их показывать, — до перепроверки: { $sources }.
risk-nothing_known = Ни один источник не нашёл записей об этом объекте. Балл здесь не говорит, что риска нет: проверьте, верно ли указан адрес.
risk-stops = Стоп-факторы
risk-points = { $n ->
    [one] { $n } балл
    [few] { $n } балла
   *[many] { $n } баллов
}
risk-adds = { $rule }: +{ $points }
risk-picture = Риск { $score } из 100. { $factors }
risk-picture_none = ни один фактор не добавляет баллов
risk-unevaluated = Не оценено
risk-basis = Опирается на ответы: в пределах срока { $fresh }, устаревших { $stale }, отсутствует { $missing }.
risk-ruleset = Правила: { $ruleset }.
risk-clamped = Сумма баллов больше 100; показано 100.
risk-facts = { $n ->
    [one] { $n } факт
    [few] { $n } факта
   *[many] { $n } фактов
}
risk-possible = { $n ->
    [one] { $n } возможное совпадение без баллов
    [few] { $n } возможных совпадения без баллов
   *[many] { $n } возможных совпадений без баллов
}

## unevaluated

unevaluated-source_not_asked = источник не входит в профиль
unevaluated-source_missing = источник ещё не ответил
unevaluated-source_failed = источник не ответил
unevaluated-source_incomplete = ответ источника неполный
unevaluated-source_suspicious = ответу источника пока нельзя верить
unevaluated-error = правило не удалось применить к факту

## report

report-title = Отчёт о проверке
report-covers = Отчёт охватывает только перечисленные источники. Это не юридическая консультация.
report-at = Состояние на
report-snapshot = Снимок
report-not_sealed = снимок ещё не зафиксирован
report-not_sealed_since = показанное здесь в таком виде не зафиксировано; зафиксировано последним:
report-not_checked = Что не проверено
report-back = К проверке
report-verify = Как проверить этот отчёт
report-verify_how = Сравните снимок и корень с указанными по этому адресу. Кто не доверяет серверу, вычислит их сам по выгруженному журналу: mirano verify или docs/verify/verify.py.
report-qr = QR-код адреса, по которому проверяется этот отчёт
report-print = Напечатайте страницу или сохраните её как PDF средствами браузера.

## snapshot

snapshot-title = Зафиксированный снимок
snapshot-lead = То, на чём основан отчёт: если изменить в нём хоть один факт, корень будет другим.
snapshot-id = Снимок
snapshot-facts_root = Корень фактов
snapshot-receipts_root = Корень квитанций
snapshot-facts = Фактов
snapshot-sealed_at = Зафиксирован
snapshot-position = Запись журнала
snapshot-hint = Напечатанный отчёт подлинный, если в нём названы этот снимок и этот корень. Чтобы не доверять серверу, выгрузите журнал и вычислите их сами: mirano verify или независимая программа docs/verify/verify.py.
snapshot-report = Отчёт, каким он был тогда
snapshot-completed = зафиксирован полным
snapshot-partial = зафиксирован неполным

## month

month-1 = января
month-2 = февраля
month-3 = марта
month-4 = апреля
month-5 = мая
month-6 = июня
month-7 = июля
month-8 = августа
month-9 = сентября
month-10 = октября
month-11 = ноября
month-12 = декабря

## moment

moment-day = { $day } { $month } { $year }
moment-written = { $day }, { $time } UTC
moment-title = Моменты проверки
moment-answered = есть ответ: { $answered } из { $total }
moment_state-ok = готово
moment_state-busy = обновляется
moment_state-stale = неполно или устарело
moment_state-bad = нет ответов
moment-sealed = снимок
moment-was = Как было известно на
moment-was_hint = То, что стало известно позже, не показано; возраст данных указан на тот момент.
moment-now = К проверке, как она есть сейчас

## compare

compare-title = Сравнение двух моментов
compare-before = Было
compare-after = Стало
compare-submit = Сравнить
compare-other = Какие два момента сравнить
compare-typed = Указать стороны самому: снимок, проверку, объект
compare-open = Открыть этот момент
compare-items = Что отличается
compare-none = В том, что сравнивалось, различий нет.
compare-more = Дальше
compare-skipped = Что не сравнивалось
compare-connector = изменилось чтение источника
compare-erased = удалено вместе с человеком
compare-no_risk = риска ещё нет
compare-risk_same = Ни одно правило не прибавляет больше или меньше, чем было.
compare-score = { $from } → { $to }
compare-hint = Снимок, job:…@время, company:…@время. Вместо времени можно указать позицию журнала или now.
compare-changed = изменилось: { $n }
compare-added = появилось: { $n }
compare-gone = исчезло: { $n }
compare-unchanged = без изменений: { $n }

## side

side-snapshot = зафиксированный снимок
side-job = проверка
side-subject = объект
side-world = вся база

## op

op-changed = изменилось
op-added = появилось
op-gone = исчезло

## by

by-added = из-за появившихся фактов
by-gone = из-за исчезнувших фактов
by-changed = из-за изменившихся фактов
by-ruleset = правило стало другим
by-coverage = источник ответил только на одной стороне
by-date = только из-за даты

## lacks

lacks-missing = ответа ещё не было
lacks-failed = источник не ответил
lacks-expired = ответ был слишком старым
lacks-incomplete = список источника был неполным
lacks-not_in_profile = профиль не спрашивает

## lacking

lacking-from = раньше
lacking-to = потом
lacking-both = на обеих сторонах

## breaker

breaker-open = не трогаем, спросим снова
breaker-half_open = пробуем одним запросом, отвечает ли

## health

health-ok = отвечает
health-failing = временами не отвечает
health-down = не отвечает
health-resting = просил подождать
health-unknown = ещё не спрашивали

## sources

sources-title = Источники
sources-lead = Кого спрашиваем, в каком он состоянии и что его ждёт. Первыми стоят те, на кого стоит взглянуть.
sources-col_source = Источник
sources-col_health = Состояние
sources-col_queue = Ждут
sources-col_running = Выполняются
sources-col_limit = Лимит
sources-col_last = Последняя попытка
sources-rate = { $n } за { $time }
sources-permits = свободно сейчас: { $n }
sources-shards = по частям: { $queues }
sources-ttl = ответ годен { $ttl }
sources-kept = Как записано в журнале
sources-latest = попыток: { $n }, из них с ответом: { $answered }
sources-never = ещё не было
sources-found = записи найдены
sources-slowed = опрашивается в { $percent }% своего темпа
sources-rests = до
sources-in_use = занят: { $n }
sources-failures = { $n ->
    [one] { $n } неудача подряд
    [few] { $n } неудачи подряд
   *[many] { $n } неудач подряд
}
sources-delayed = { $n ->
    [one] { $n } ждёт повтора
    [few] { $n } ждут повтора
   *[many] { $n } ждут повтора
}

## watches

watches-title = Наблюдения
watches-lead = Проверки, которые повторяются сами. Каждая остаётся той же проверкой и хранит снимок каждого изменения.
watches-none = Ни за чем не наблюдаем. Откройте проверку и нажмите «Наблюдать».
watches-col_every = Раз в
watches-col_next = Следующая
watches-last = прошлая
watches-end = Прекратить

## watch_reason

watch_reason-key = важный объект
watch_reason-popular = часто запрашивают
watch_reason-paid = оплачено

## notifications

notifications-title = Уведомления
notifications-lead = О чём вы просили сообщать и кому сообщаем: программам через вебхуки, людям по почте.
notifications-none = Пока ничего не было. Добавьте ниже вебхук или адрес почты: им сообщают о каждой проверке.
notifications-read_all = Отметить всё прочитанным
notifications-new = новое
notifications-col_what = Что произошло
notifications-col_kind = Вид
notifications-col_at = Когда
notifications-col_state = Состояние
notifications-col_target = Кому сообщаем
notifications-col_events = О чём
notifications-channels = Кому сообщаем
notifications-no_channels = За пределами этой страницы никому не сообщаем.
notifications-by_check = только о проверках, где он назван
notifications-digest = сводкой за { $time }
notifications-muted = без уведомлений до
notifications-stopped = Остановлен: получатель ответил 410 («больше не нужно»),
notifications-stopped_hint = Ему больше ничего не отправляется. Если это ошибка, уберите вебхук и добавьте его снова.
notifications-more = и ещё { $n }
notifications-back = К уведомлениям
notifications-mute = Пауза на 8 часов
notifications-unmute = Снова сообщать
notifications-end = Убрать
notifications-add = Добавить
notifications-add_webhooks = Сообщать программе
notifications-add_emails = Сообщать человеку
notifications-target_webhooks = Адрес вебхука
notifications-target_emails = Адрес почты
notifications-hint_webhooks = Запросы подписаны по спецификации Standard Webhooks; секрет показывается один раз.
notifications-hint_emails = Письма отправляет почтовый сервер этой установки, если он настроен.
notifications-daily = сводкой раз в день
notifications-secret = Вебхук добавлен. Его секрет:
notifications-secret_hint = Сохраните его сейчас: больше он не показывается. По нему получатель проверяет, что сообщение от нас.
notifications-sent = Что отправлено
notifications-nothing_sent = Пока ничего не отправляли.
notifications-next = следующая попытка
notifications-again = Отправить снова

## notice

notice-job-first_result = Первый ответ
notice-job-final = Проверка завершена
notice-risk-level_changed = Уровень риска
notice-facts-changed = Изменились факты
notice-source-recovered = Источник снова отвечает
notice-report-stale = Данные устарели

## channel

channel-webhooks = Вебхук
channel-emails = Почта

## delivery

delivery-collecting = собирается
delivery-waiting = ждёт следующей попытки
delivery-sending = отправляется
delivery-delivered = доставлено
delivery-dead = не доставлено

## log

log-title = Журнал
log-lead = Все решения по порядку. Каждая запись называет хеш предыдущей, поэтому ничего нельзя незаметно изменить, потерять или переставить.
log-heads = Вершины
log-heads_hint = Сохраните вершину: с ней любой сможет показать, что журнал с тех пор только рос.
log-commits = Записи
log-col_position = Позиция
log-col_at = Записано
log-col_events = События
log-col_hash = Хеш
log-cause = из-за
log-bytes = { $n ->
    [one] { $n } байт
    [few] { $n } байта
   *[many] { $n } байт
}
log-newest = Новейшие
log-older = Раньше
log-none = Журнал пуст.

## dead

dead-title = Невыполненные задания
dead-col_cause = Что случилось
dead-col_at = Оставлено
dead-waiting = Без него проверки:
dead-retry = Повторить
dead-drop = Убрать
dead-none = Таких нет, или о них уже позаботились.

## timeline

timeline-title = Ход проверки
timeline-picture = Риск был { $first }, стал { $last }.
timeline-picture_peak = Риск был { $first }, стал { $last }; самый высокий за это время — { $most }.
timeline-picture_same = Риск всё время был { $last }.
timeline-picture_back = Риск снова { $last }; за это время самый низкий — { $least }, самый высокий — { $most }.
timeline-answered = получен ответ: { $sources }
timeline-hint = Большая точка: снимок. Любой момент открывается таким, каким был известен тогда.
timeline-hint_least = Где линия прерывиста, баллов могло стать больше.
timeline-col_at = Момент
timeline-more = Показаны только последние моменты.
timeline-col_moved = Что с фактами
timeline-compare = сравнить с предыдущим

## verify: проверка журнала на странице

verify-title = Проверить журнал
verify-lead = Каждая запись читается заново: цепочка, имена фактов и ответы источников пересчитываются. Снимки, доказательства и представления проверяет ещё и mirano verify рядом с данными.
verify-submit = Проверить
verify-progress = Записей: { $commits } из { $of }; фактов пересчитано: { $facts }; расхождений: { $findings }
verify-ok = Всё сходится. Записей: { $commits }, фактов пересчитано: { $facts }.
verify-bad = Найдены расхождения: { $findings }. Записей: { $commits }.
verify-digest = Отпечаток состояния:
verify-broken = Проверка прервана; запустите её снова или выполните mirano verify рядом с данными.
verify-bar = Ход проверки

## explained: объяснение на странице проверки

explained-title = Объяснение
explained-fast = Почему результат пришёл быстро?
explained-updating = Почему обновление ещё идёт?
explained-sentences = { $n ->
    [one] На чём основано: { $n } предложение
    [few] На чём основано: { $n } предложения
   *[many] На чём основано: { $n } предложений
}
explained-rest = { $n ->
    [one] Что ещё известно: { $n } предложение
    [few] Что ещё известно: { $n } предложения
   *[many] Что ещё известно: { $n } предложений
}
explained-receipts = { $n ->
    [one] { $n } квитанция
    [few] { $n } квитанции
   *[many] { $n } квитанций
}
explained-hint = Квитанция говорит, чем получен ответ на один вопрос к источнику. На что ответа нет, о том нет и квитанции.
explained-taken = Взято проверкой
explained-ttl = Срок годности
explained-named = квитанция { $receipt } · наблюдение { $observation } · правила { $policy }

## receipt_reason: почему ответ взят

receipt_reason-fresh = прежний ответ был в пределах срока
receipt_reason-narrowed = ответ выбран из прежнего ответа на более широкий запрос
receipt_reason-stale = прежний ответ устарел, но показывать его ещё можно
receipt_reason-task = источник ответил на запрос этой проверки
receipt_reason-joined = источник ответил на запрос, который уже шёл
receipt_reason-answered_in_between = ответ на этот вопрос пришёл раньше, чем спросили источник

## interface

interface-title = Описание API
interface-lead = Все вызовы интерфейса Mirano для программ: что каждый принимает и что отвечает. Пояснения к вызовам и полям — на английском. То же для программ:
interface-contents = Содержание
interface-parameters = Параметры
interface-body = Принимает
interface-answers = Отвечает
interface-shapes = Структуры данных
interface-shapes_hint = Что вызовы принимают и отвечают. Поля без пометки «обязательно» может не быть.
interface_group-jobs = Проверки
interface_group-snapshots = Снимки и сравнения
interface_group-facts = Объекты и факты
interface_group-watches = Наблюдения
interface_group-notifications = Уведомления
interface_group-events = События вживую
interface_group-sources = Источники
interface_group-policy = Политика
interface_group-log = Журнал и аудит
interface_group-workers = Исполнители
interface_group-health = Состояние сервера
