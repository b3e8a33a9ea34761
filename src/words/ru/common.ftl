# Слова, общие для всех: сколько времени, уровни риска.

## duration: «прошла 1 минута»; within: «через 1 минуту», «1 минуту назад»

duration-seconds = { $n ->
    [one] { $n } секунда
    [few] { $n } секунды
   *[many] { $n } секунд
}
duration-minutes = { $n ->
    [one] { $n } минута
    [few] { $n } минуты
   *[many] { $n } минут
}
duration-hours = { $n ->
    [one] { $n } час
    [few] { $n } часа
   *[many] { $n } часов
}
duration-days = { $n ->
    [one] { $n } день
    [few] { $n } дня
   *[many] { $n } дней
}
within-seconds = { $n ->
    [one] { $n } секунду
    [few] { $n } секунды
   *[many] { $n } секунд
}
within-minutes = { $n ->
    [one] { $n } минуту
    [few] { $n } минуты
   *[many] { $n } минут
}
within-hours = { $n ->
    [one] { $n } час
    [few] { $n } часа
   *[many] { $n } часов
}
within-days = { $n ->
    [one] { $n } день
    [few] { $n } дня
   *[many] { $n } дней
}
ago-told = { $age } назад
ago-less_than_second = меньше секунды назад
ago-less_than_minute = меньше минуты назад

## level: уровни риска

level-low = низкий
level-medium = средний
level-high = высокий
level-critical = критический
level-incomplete = данных недостаточно
