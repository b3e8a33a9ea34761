# Слова команд в терминале.

## cli: общее

cli-fact_count = { $n ->
    [one] { $n } факт
    [few] { $n } факта
   *[many] { $n } фактов
}
cli-record_count = { $n ->
    [one] { $n } запись
    [few] { $n } записи
   *[many] { $n } записей
}
cli-not_checked = Не проверено
status_word-created = СОЗДАНА
status_word-in_progress = ИДЁТ
status_word-partial = НЕПОЛНО ИЛИ УСТАРЕЛО
status_word-completed = ГОТОВО
status_word-failed = НЕТ ОТВЕТОВ
cli-snapshot = Снимок { $id }
cli-more = Почему так: mirano explain { $id }
cli-watching = Следим за проверкой; Ctrl-C — закончить.
cli-facts_moved = { $source }: появилось { $added }, исчезло { $gone }, изменилось { $changed }
cli-sealed = зафиксирован снимок { $id }
cli-col_source = Источник
cli-col_state = Состояние
cli-col_answer = Ответ
cli-col_age = Спрошен
cli-col_note = Откуда

## cli: что пошло не так и что делать

cli-refused = сервер отказал
cli-no_url =
    { $server } — не адрес сервера
    Напишите его с http:// или https://, например `--server http://127.0.0.1:8700`.
cli-nobody_listens =
    по адресу { $server } никто не слушает
    Запущен ли сервер? Его запускает `mirano serve`. Если он в другом месте, назовите адрес через `--server`.
cli-no_host =
    в адресе { $server } нет такого узла
    Проверьте адрес из `--server` или MIRANO_SERVER.
cli-no_tls =
    на { $server } нет TLS, или его сертификату нет доверия: { $why }
    Если сервер работает по обычному HTTP, напишите http:// вместо https://.
cli-no_http =
    по адресу { $server } отвечают не по HTTP
    Проверьте адрес и порт; сервер с TLS называют с https://.
cli-not_mirano =
    по адресу { $server } отвечает не Mirano: пришёл не JSON
    Назовите адрес сервера Mirano через `--server`.
cli-broke_off =
    ответ { $server } оборвался: { $why }
    Попробуйте ещё раз.
cli-no_answer =
    нет ответа от { $server }: { $why }
    Проверьте адрес из `--server` и сам сервер.
cli-no_source_answered =
    ни один источник не ответил
    Почему, говорит `mirano explain { $id }`; состояние каждого — на странице `/sources`.
cli-input_pair = --input { $pair }: не вида NAME=VALUE; имена для каждого профиля перечисляет `GET /v1/profiles`
cli-not_final =
    проверка { $id } не завершена: тем временем её открыли снова
    Следить за ней: `--watch` или страница.
cli-renewal_failed = последняя попытка не удалась: { $cause }
cli-dead_waiting = ждёт проверка { $job } (задача { $task })
cli-dead_given_up = оставлено { $at }; попыток: { $attempts }, осталось без ответа: { $waiting }
cli-dead_evidence = свидетельство { $id }
cli-events_ended =
    события проверки { $id } прервались{ $why }
    Проверка идёт сама. Посмотреть на неё: `mirano explain { $id }`.
cli-read_which = назовите уведомления по номерам или укажите --all
cli-replay_which = назовите отправки, как их перечисляет `sent`, или укажите --dead
cli-port_busy =
    { $address } уже занят: возможно, mirano уже запущен
    Укажите другой адрес: `{ $option } 127.0.0.1:0` возьмёт свободный порт. Или остановите того, кто его занял.
cli-port_refused =
    на { $address } нельзя принимать соединения: { $why }
    Укажите другой адрес: { $option }.

## explain: `mirano explain`

explain-checked = Что есть
explain-reused = Из предыдущих проверок
explain-freshness = Что надо знать
explain-updating = Обновляется
explain-missing = Ответа нет
explain-risk = Риск
explain-why_fast = Почему результат пришёл быстро?
explain-why_updating = Почему обновление ещё идёт?
explain-receipts = Квитанции
explain-receipt = спрошен { $at }, срок годности { $ttl }

## diff: `mirano diff`

diff-from = было
diff-to = стало
diff-counts = изменилось { $changed }, появилось { $added }, исчезло { $gone }, без изменений { $same }
diff-connector = (изменилось чтение источника)
diff-erased = (удалено)
diff-not_compared = не сравнивалось:
diff-risk = риск

## notifications: `mirano notifications`, `mirano webhooks`, `mirano emails`

told-none = Ничего нового.
told-all_none = Уведомлений нет.
told-unread = Не прочитано: { $n }
told-marked = Отмечено прочитанным.
told-next = Дальше: --cursor { $cursor }
told-muted = { $id }: без уведомлений до { $until }
told-unmuted = { $id }: уведомления снова приходят
channel-none = Никому не сообщаем. Добавить: mirano { $command } add
channel-added = { $id } добавлен: { $target }
channel-secret = Секрет: { $secret } (больше не показывается)
channel-ended = { $id } убран
channel-events = о чём: { $events }
channel-by_check = только о проверках, где он назван
channel-digest = сводкой за { $digest }
channel-muted = без уведомлений до { $until }
channel-stopped = остановлен: получатель ответил 410, { $at }
delivery-none = Ничего не отправляли.
delivery-none_dead = Всё доставлено, или ещё будут попытки.
delivery-again = { $id }: отправляем снова
