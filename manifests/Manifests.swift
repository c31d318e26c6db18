/// The names of the manifests that ship with Tidemark, in order.
package let embeddedManifestNames = texts.keys.sorted()

/// The YAML of a manifest that ships with Tidemark.
package func embeddedManifest(named name: String) -> String? {
  texts[name].map { String(decoding: $0, as: UTF8.self) }
}

private let texts: [String: [UInt8]] = [
  "amazon": PackageResources.amazon_yaml,
  "business-central": PackageResources.business_central_yaml,
  "dynamics-365": PackageResources.dynamics_365_yaml,
  "epicor": PackageResources.epicor_yaml,
  "files": PackageResources.files_yaml,
  "hubspot": PackageResources.hubspot_yaml,
  "infor-crm": PackageResources.infor_crm_yaml,
  "kinto": PackageResources.kinto_yaml,
  "magento": PackageResources.magento_yaml,
  "mailchimp": PackageResources.mailchimp_yaml,
  "microsoft-exchange": PackageResources.microsoft_exchange_yaml,
  "sage-200": PackageResources.sage_200_yaml,
  "sage-300": PackageResources.sage_300_yaml,
  "sage-accounting": PackageResources.sage_accounting_yaml,
  "sage-crm": PackageResources.sage_crm_yaml,
  "salesforce": PackageResources.salesforce_yaml,
  "sandbox": PackageResources.sandbox_yaml,
  "sap-business-one": PackageResources.sap_business_one_yaml,
  "sap-concur": PackageResources.sap_concur_yaml,
  "sap-s4hana": PackageResources.sap_s4hana_yaml,
  "shopify": PackageResources.shopify_yaml,
  "sql": PackageResources.sql_yaml,
  "stripe": PackageResources.stripe_yaml,
  "webhooks": PackageResources.webhooks_yaml,
  "woocommerce": PackageResources.woocommerce_yaml,
  "xero": PackageResources.xero_yaml,
]
