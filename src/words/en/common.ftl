# What all share: how long, levels of risk.

## duration: "1 minute has passed"; within: "in 1 minute", "1 minute ago" (other cases in other languages)

duration-seconds = { $n ->
    [one] { $n } second
   *[other] { $n } seconds
}
duration-minutes = { $n ->
    [one] { $n } minute
   *[other] { $n } minutes
}
duration-hours = { $n ->
    [one] { $n } hour
   *[other] { $n } hours
}
duration-days = { $n ->
    [one] { $n } day
   *[other] { $n } days
}
within-seconds = { $n ->
    [one] { $n } second
   *[other] { $n } seconds
}
within-minutes = { $n ->
    [one] { $n } minute
   *[other] { $n } minutes
}
within-hours = { $n ->
    [one] { $n } hour
   *[other] { $n } hours
}
within-days = { $n ->
    [one] { $n } day
   *[other] { $n } days
}
ago-told = { $age } ago
ago-less_than_second = less than a second ago
ago-less_than_minute = less than a minute ago

## level: levels of risk

level-low = low
level-medium = medium
level-high = high
level-critical = critical
level-incomplete = not enough data
