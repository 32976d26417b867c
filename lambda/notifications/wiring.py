"""Puts the parts together for the functions that send."""

import json

from notifications.catalogue import EMAIL, PUSH, SMS, catalogue_from
from notifications.channels import Channel
from notifications.channels.push import Push
from notifications.channels.ses_email import SesEmail
from notifications.channels.sms import Sms
from notifications.channels.sns_email import SnsEmail
from notifications.clients import DELIVERY, SENDING, client
from notifications.delivery import Delivery
from notifications.links import Links
from notifications.outbox import Outbox
from notifications.rates import Rates
from notifications.settings import DeliverySettings
from notifications.templates import Templates
from notifications.tokens import Tokens
from notifications.users import Users


def delivery_from(settings: DeliverySettings) -> Delivery:
    """The delivery that the settings ask for."""
    dynamodb, sns = client("dynamodb", DELIVERY), client("sns", SENDING)
    users = Users(dynamodb, settings.user_table)
    email: Channel
    if settings.email_delivery == "ses":
        email = SesEmail(client("sesv2", SENDING), settings.email_from, settings.email_configuration_set)
    else:
        email = SnsEmail(sns, settings.notification_topic_arn, users)
    return Delivery(
        users=users,
        outbox=Outbox(dynamodb, settings.notification_table),
        channels={EMAIL: email, SMS: Sms(sns), PUSH: Push(sns)},
        categories=catalogue_from(settings.catalogue),
        templates=Templates.load(),
        rates=Rates(dynamodb, settings.rate_table, json.loads(settings.channel_rates)),
        links=Links(Tokens(client("kms", DELIVERY), settings.token_key_arn), settings.api_endpoint),
    )
