"""Puts the parts together for the functions that send."""

from notifications.channels import Channel
from notifications.channels.ses_email import SesEmail
from notifications.channels.sns_email import SnsEmail
from notifications.clients import DELIVERY, client
from notifications.delivery import Delivery
from notifications.outbox import Outbox
from notifications.settings import DeliverySettings
from notifications.users import Users


def delivery_from(settings: DeliverySettings) -> Delivery:
    """The delivery that the settings ask for."""
    dynamodb = client("dynamodb", DELIVERY)
    users = Users(dynamodb, settings.user_table)
    email: Channel
    if settings.email_delivery == "ses":
        email = SesEmail(client("sesv2", DELIVERY), settings.email_from, settings.email_configuration_set)
    else:
        email = SnsEmail(client("sns", DELIVERY), settings.notification_topic_arn, users)
    return Delivery(users, Outbox(dynamodb, settings.notification_table), {"Email": email})
